"""One module per command: its arguments and its straight-line logic."""
