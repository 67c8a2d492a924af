"""Writes a manifest from a folder, and perhaps a table: `uploader init`.

For `commands`:

- `command`: `init` does it
- `arguments`: `make_parser` and `add_arguments`
"""
