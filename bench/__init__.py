"""What things cost, measured: `python -m bench --help`."""
