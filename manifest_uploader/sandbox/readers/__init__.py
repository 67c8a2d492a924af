"""Reads just enough of each image format to tell which images the platform would import."""
