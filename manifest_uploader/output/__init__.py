"""What a person or a program is told, and how it is written to the standard streams.

For other packages:

- `streams`: `say`, `print_out` and `write_out` write to standard error and standard output
- `formatting`: counts, sizes, times, problems and errors as text
- `plan_lines`, `progress_lines`, `live_view` and `summary_lines`: a run before, during and after it
- `failure_lines` and `status_lines`: why cases failed, and where they stand
- `json_lines`: the same as JSON, and the observer that writes a run's events as JSON lines
- `screen`: the observers that show a run to a person
- `watch_screen`: what `status --watch` shows
"""
