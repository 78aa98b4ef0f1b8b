"""Bugs that are put into a copy of the engine on purpose, to see that its tests find them."""
