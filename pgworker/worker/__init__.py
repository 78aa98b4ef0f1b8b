"""Worker processes: the wheel that turns, and what stands beside it."""
