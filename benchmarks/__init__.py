"""How fast it is, beside what the same server could do at most: ``make bench``."""
