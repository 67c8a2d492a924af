"""Grand Challenge, independent of any run: how to reach it, what it answers, what it holds."""
