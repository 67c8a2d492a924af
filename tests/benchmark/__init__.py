"""Speed, side by side in one run: `python -m tests.benchmark [NAME…]`."""
