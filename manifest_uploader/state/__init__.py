"""What is remembered: the events of all runs in one append-only file, and what they add up to."""
