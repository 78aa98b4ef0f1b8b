"""Failpoints: faults at named places on a worker's way, and workflows of every kind to have them with."""
