"""What the design promises in numbers, measured: `python -m bench`, or `make bench`."""
