"""What lastack costs, beside the kernel and ns-3: `make bench`, or `python -m bench --help`."""
