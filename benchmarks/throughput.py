"""Measures throughput and latency: ``make bench``, or ``python benchmarks/throughput.py --help``."""

import sys
from pathlib import Path

if __name__ == "__main__":
    # Run as a script, Python would look for modules beside this file instead of in the checkout.
    sys.path[0] = str(Path(__file__).resolve().parents[1])
    from benchmarks.suite import main

    main()
