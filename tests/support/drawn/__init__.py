"""Drawn at random by Hypothesis: documents, what they are given, and what the world tells their workflows."""
