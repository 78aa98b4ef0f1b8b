"""One module for each kind of task: what happens when it starts, and when what it waited for has come."""
