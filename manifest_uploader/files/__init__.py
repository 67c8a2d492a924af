"""What is on the local disk: which files a value names, their headers, and their bytes in parts."""
