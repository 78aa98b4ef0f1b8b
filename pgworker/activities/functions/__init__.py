"""Python functions of the user's own, called by workflows as ``call: NAME``."""
