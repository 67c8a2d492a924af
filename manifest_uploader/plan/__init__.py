"""Pure decisions: from manifest, facts and history to the steps of a run.

For other packages:

- `inputs`: `PlanInputs`, `Facts`, `Choices` and `renamed_cases`, what the planner decides from
- `checks`: `misfits`, which have to be solved before planning
- `adoption`: `adopt`, what of an existing item is the case's
- `answer_rows`: `join_answers`, and `AnswerRow`, an answer with the names it belongs to
- `cases`: `make_plan`
- `steps`: `Plan`, `CasePlan`, `Action` and the tasks of a run: `Upload`, `Create`, `Fill`, `Look`,
  `Watch`, and `Wait`; also `total_size` and `DELETED`
- `reuse`: `sources_first`, in which order cases begin, and `failed_words`
- `jobs`: `job_wait`, the wait for the end of an algorithm job, and `is_found_by_inputs`
- `estimate`: how many requests a run needs
- `fetched`: `choose_files`, which files `fetch` brings, and `FileState`, what becomes of them
- `job_rows`: `job_rows`, the table of cases and their jobs
- `requests`: prepares creations and fills for sending
- `delivery`: how a value travels into its socket
- `value_look`: `ValueLook` and `summarize`, what looks into the files of a value show together
- `content`: `judge_content`, what is wrong with the content of files for their socket
- `content_words`, `series_words`: the same in sentences, for `init`
- `image_sets`: `image_name`, how an image set is named
- `notes`: `new_key_note`, what to know of the key for new UIDs
- `import_verdicts`: `verdict_problems`, what the importer's verdict means for a socket
- `identifiable`: `idle_keywords`, which let nothing through
- `series`: `judge_series`, `judge_folders`, what the importer makes of DICOM files
- `series_findings`: `SeriesVerdict` and its parts
- `differences`: `compare`, how a target differs from what it should hold, and `restore_of`
- `values`: `wait_for`, the wait for a value that was sent, and `waits_of`, those of earlier runs
"""
