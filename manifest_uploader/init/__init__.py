"""Writes a manifest from a folder, and perhaps a table: `uploader init`.

For `commands`:

- `command`: `init` does it
- `explicit`: `explicit_text`, a manifest with an entry for each case
- `arguments`: `make_parser` and `add_arguments`
"""
