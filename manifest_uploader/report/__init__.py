"""Reports what a run did, as an HTML page and as CSV and JSON tables.

Other packages may use:
- `command`: the command `uploader report`.
"""
