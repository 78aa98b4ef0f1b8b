"""Documents that run, and the small service that the order example calls."""
