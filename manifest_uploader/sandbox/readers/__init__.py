"""Readers of images: just enough of each format to say what the platform would make of it."""
