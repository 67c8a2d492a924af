"""What the user wrote: the YAML text, read and judged by its JSON Schema, as a `Manifest`.

Other packages may use:

- `parser`: `parse` turns text into a `Manifest`; `without_collector` pauses garbage collection
- `model`: `Manifest`, `Case`, its values, `TargetKind`
- `problems`: `Problem`, its `Place`, and `ManifestInvalid`, which carries all of them
- `expansion`: `expand` turns one description, and the folders it is about, into cases
- `short_form`: `ShortForm`, one description for many cases
- `mixed_values`: texts among numbers
- `same_as`: what stands for the image of another value
- `mixed_values`: values of another type than those of the same socket in other cases
- `selection`: the cases that a command line chooses
- `near_json`: hints for texts that were meant as numbers or booleans
- `tables`: `Table`, its rows by key, and cells as values
- `templates`: texts with names in braces
- `found_case`: `FoundCase`, a folder or file that is a case
- `schema`: the published JSON Schema
- `form`, `case_reader`, `nodes`, `yaml_reader`: for `init`, which asks the same rules
  about what it writes
"""
