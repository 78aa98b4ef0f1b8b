"""What touches the outside world: the calls that a workflow makes, and the guards around them."""
