"""The engine: pure functions from history to state and from state to the next events."""
