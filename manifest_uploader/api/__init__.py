"""What Python code may use, and what the command line is built on.

For other packages:

- `manifest`: `Manifest`, which Python code builds or loads, saves, checks and sends
- `building`: `Case`, and what goes into its sockets
- `running`: `Run`, a run that is followed; `events`: what it tells
- `calls`: what `validate`, `plan`, `run`, `verify`, `fetch` and `status` do
- `results` and `findings`: what comes of it
- `settings`: `Settings`, and `opened`, which finds the platform or starts a sandbox
- `worker_settings`: how many jobs and workers there may be
- `handles`: how many files may be open

`manifest_uploader` itself offers the names that are meant for users.
"""
