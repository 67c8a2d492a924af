"""Find, read and hash the local files that a manifest names.

For other packages:

- `root`: `Root`, `find_root` — the folder that a manifest's paths start from
- `search`: `resolve` — from a value to its files
- `expanding`: `find_cases_of` — the cases that a manifest describes together
- `local_file`: `LocalFile`, `Source`, `FileChanged` — files as they were when they were looked at
- `value_facts`: `ValueFacts`, `value_facts`, `content` — what a plan knows of a value's files
- `json_file`: `read_json`, `JsonUnreadable` — the JSON value in a file
- `look`: `look_at`, `look_at_data`, `look_at_voxels` — what a file is, and whether it is whole
- `looks`: `FileLook`, `Flaw`, `FlawKind`, `Format`, `DicomHeader` — what a look shows, as data
- `formats`: what makes an image a segmentation or a slide, and what flaws are about
- `dicom`: whether a file is DICOM, its series, and what in it identifies a patient
- `parts`: `Content`, `Stream`, `Buffers`, sizes of parts — the bytes of one upload
- `importer`: `import_check`, `Importer`, `Bundle` — what the platform's own importer says
- `import_verdict`: `Verdict`, `Failure`, `Reason` — what it says, as data
- `deidentify`: `open_folders`, `find_files`, `deidentify` — copies of DICOM files without names
- `deidentify_results`: what became of each file
- `copies`: `CopyMaker`, `NoCopy` — de-identified DICOM files that are sent without being written
- `dicom_copy`: `DicomCopy` — the bytes of one
- `uid_key`: `read_key`, `make_key`, `fingerprint` — the key for their new UIDs
- `crew`: `answers`, `usable_cores` — work in processes that end with this one
- `crew_member`: `described` — where an exception was raised, without its text
- `table`: `read`, `Dialect`, `NotUtf8`, `guess_encoding` — a table from a text file or a workbook
- `workbook`: `ENDINGS` of workbooks, and `check_extra`: whether they can be read here
- `case_tree`, `case_patterns`: the folders or files that match a pattern with names in it
- `listing`: folders, natural order and globs, for `init`
- `companions`: `element_data_file`, for `init`
"""
