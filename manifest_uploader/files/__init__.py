"""Find, read and hash the local files that a manifest names.

For other packages:

- `root`: `Root`, `find_root` — the folder that a manifest's paths start from
- `search`: `resolve` — from a value to its files
- `local_file`: `LocalFile`, `Source`, `FileChanged` — files as they were when they were looked at
- `value_facts`: `ValueFacts`, `value_facts`, `content` — what a plan knows of a value's files
- `json_file`: `read_json`, `JsonUnreadable` — the JSON value in a file
- `looks`: `FileLook` and its parts — what a look into a file shows
- `dicom`: `look_dicom`; and whether a file is DICOM, its series, and whether it names its patient
- `archives`: `is_archive`, `look_archive` — all that is in a ZIP, tar or gzip file
- `parts`: `Content`, `Stream`, `Buffers`, sizes of parts — the bytes of one upload
- `listing`: folders, natural order and globs, for `init`
- `companions`: `element_data_file`, for `init`
"""
