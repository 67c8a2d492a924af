"""The commands, one module each, and what they share.

The command line imports these modules by their names in its table of commands:

- `init`, `validate`, `plan`, `run`, `status`, `report`, `deidentify`, `login`, `logout`,
  `completion`, `schema`, `sandbox`: a command's arguments (`add_arguments`) and what it does
  (`run` or `main`)
- `guard`: calls a command and turns its errors into messages and exit codes

For each other they have `options`, `signals`, `logs`, `watch` (of `status`) and `rehearsal` (what
a sandbox must hold for a manifest).
"""
