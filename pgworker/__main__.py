"""``python -m pgworker`` is the command ``pgworker``."""

from pgworker.cli import main

if __name__ == "__main__":
    main()
