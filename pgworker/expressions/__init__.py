"""What definitions compute with: durations, URI templates and runtime expressions."""
