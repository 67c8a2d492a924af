"""Executes a plan: looks first, sends, recovers, and waits for imports.

For other packages:

- `run`: `validate`, `plan`, `status` and `run`, what the commands do
- `verification`: `verify`, which compares the target with what it should hold
- `fetching`: `fetch`, which brings results back, and `fetch_folder`: `Put`, what became of a table
- `options`: `Options` and `Policy`, their settings
- `reading`: `read_manifest`, and `Watching`, who is told and who stops a command
- `target`: `find_target` and `check_rights`
- `socket_search`: the sockets that a target uses, or that fit a text
- `session`: `refuse`, which raises all problems at once
- `data_plane`: `Workers`, `DataPlane`, `Copies` and `Here`: where bytes are read and sent
- `data_task`: `DataTask` and its results, what is sent of one upload
- `local_files`: `Looking`, how far the look into the files is
- `looks`: looks into the files of a value, for `init`
- `progress`: `Observer`, which is told what happens, and `Progress`
- `results`: `Summary`, `CaseEnd` and `End`, how a run and its cases ended
- `activity`: `Doing`, what a command does before it sends anything
- `attended`: `attended`, which keeps the main thread free for signals
- `causes`: `explained` and `failure_text`, failures as text for people
"""
