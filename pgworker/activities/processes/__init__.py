"""Processes that workflows run: shell commands, scripts and containers."""
