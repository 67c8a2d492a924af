"""What came of `fetch`: as tables, as text for people, and as JSON lines."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from manifest_uploader.digests import Json
from manifest_uploader.engine.fetch_folder import Put
from manifest_uploader.engine.fetching import Fetched
from manifest_uploader.output.csv_cells import csv_bytes
from manifest_uploader.output.formatting import cases_words, counted, next_line, size_words
from manifest_uploader.plan.answer_rows import AnswerRow
from manifest_uploader.plan.fetched import ANSWERS, ITEMS, JOBS, FetchedFile, FileState, Why
from manifest_uploader.plan.job_rows import JobRow, JobState
from manifest_uploader.platform.model import Target
from manifest_uploader.platform.targets import type_of
from manifest_uploader.text import Block, Tone, block, line, some_of

ANSWER_COLUMNS: Final = (
    *("case", "title", "ours", "question", "answer", "answer_type", "creator"),
    *("created", "modified", "last_edit_s", "total_edit_s", "score", "is_ground_truth"),
    *("answer_image", "display_set", "question_pk", "pk"),
)
JOB_COLUMNS: Final = ("case", "job", "status", "page")
"""Followed by one for each output."""
ITEM_COLUMNS: Final = ("case", "title", "socket", "file", "size", "sha256")
_IN_PLACE: Final = frozenset({FileState.FETCHED, FileState.THERE, FileState.CHANGED})
_SHOWN: Final = 20
"""Files of one kind of trouble that are named."""
_JOB_TONES: Final = {
    JobState.SUCCEEDED: Tone.GOOD,
    JobState.RUNNING: Tone.WARNING,
    JobState.FAILED: Tone.BAD,
    JobState.ABSENT: Tone.QUIET,
}
_WHY: Final = {
    Why.NO_ITEM: "the case has no item on the platform",
    Why.NO_VALUE: "nothing is in this socket on the platform",
    Why.NO_FILES: "the platform offers no file of this image: "
    "it is a DICOM image set, or you may not see it",
    Why.NOT_GIVEN: "the platform does not send this file: it was deleted, or you may not see it",
}
_DROPPED: Final = (
    "a rehearsal keeps no files, except those that `run --sandbox --keep-bytes` sends "
    "(to send all again, first delete NAME.sandbox and NAME.sandbox.state.jsonl)"
)


# ── tables ──────────────────────────────────────────────────────────────────────────────────


def tables(found: Fetched) -> dict[str, bytes]:
    """The tables of what was fetched, by name."""
    made = {}
    if found.answers is not None:
        rows = (_answer_fields(row).values() for row in found.answers)
        made[ANSWERS] = csv_bytes(ANSWER_COLUMNS, rows, breaks=True)
    if found.jobs is not None:
        columns = (*JOB_COLUMNS, *(_output_column(slug) for slug in found.outputs))
        made[JOBS] = csv_bytes(
            columns, (_job_cells(row, found.outputs) for row in found.jobs), breaks=True
        )
    if found.files is not None and found.with_items:
        listed = (one for one in found.files if one.state in _IN_PLACE and not one.is_output)
        made[ITEMS] = csv_bytes(ITEM_COLUMNS, map(_file_cells, listed))
    return made


def _output_column(slug: str) -> str:
    """The name of an output's column, which no other column has, as slugs have no blanks."""
    return f"{slug} (output)" if slug in JOB_COLUMNS else slug


def _job_cells(row: JobRow, outputs: Iterable[str]) -> tuple[Json, ...]:
    cells = (row.outputs.get(slug) for slug in outputs)
    return (row.case, row.job, row.status, row.page, *cells)


def _answer_fields(row: AnswerRow) -> dict[str, Json]:
    seen, question = row.seen, row.question
    fields = {
        "case": row.case,
        "title": row.title,
        "ours": row.case is not None,
        "question": None if question is None else question.text,
        "answer": row.readable,
        "answer_type": None if question is None else question.answer_type,
        "creator": seen.creator,
        "created": seen.created,
        "modified": seen.modified,
        "last_edit_s": row.last_edit_s,
        "total_edit_s": row.total_edit_s,
        "score": seen.score,
        "is_ground_truth": seen.is_ground_truth,
        "answer_image": seen.image,
        "display_set": seen.display_set,
        "question_pk": seen.question,
        "pk": seen.pk,
    }
    assert tuple(fields) == ANSWER_COLUMNS
    return fields


def _file_cells(one: FetchedFile) -> tuple[Json, ...]:
    return (one.case, one.title, one.socket, one.name, one.size, one.sha256)


# ── JSON ────────────────────────────────────────────────────────────────────────────────────


def answer_json(row: AnswerRow) -> dict[str, Any]:
    """One answer as a JSON line."""
    return {"event": "answer", **answer_record(row)}


def answer_record(row: AnswerRow) -> dict[str, Any]:
    """One answer; `value` is the answer as the platform has it."""
    return {**_answer_fields(row), "value": row.seen.answer}


def job_json(row: JobRow) -> dict[str, Any]:
    """One case and its job as a JSON line."""
    return {"event": "job", **job_record(row)}


def job_record(row: JobRow) -> dict[str, Any]:
    """One case and its job."""
    return {
        "case": row.case,
        "job": row.job,
        "state": row.state.value,
        "status": row.status,
        "page": row.page,
        "outputs": dict(row.outputs),
    }


def file_json(one: FetchedFile) -> dict[str, Any]:
    """One file, or what is missing, as a JSON line."""
    return {
        "event": "file",
        "case": one.case,
        "title": one.title,
        "socket": one.socket,
        "output": one.is_output,
        "file": one.name,
        "state": one.state.value,
        "why": None if one.why is None else one.why.value,
        "size": one.size,
        "sha256": one.sha256,
    }


def fetch_summary_json(found: Fetched, put: Mapping[str, Put]) -> dict[str, Any]:
    """The last line of `fetch --json`."""
    states = Counter(one.state for one in found.files or ())
    jobs = Counter(row.state for row in found.jobs or ())
    return {
        "event": "summary",
        "cases": {"total": found.cases, "absent": len(found.absent)},
        "answers": None if found.answers is None else len(found.answers),
        "jobs": None if found.jobs is None else {state.value: jobs[state] for state in JobState},
        "files": None
        if found.files is None
        else {state.value: states[state] for state in FileState},
        "tables": {name: one.name.lower() for name, one in put.items()},
    }


# ── text ────────────────────────────────────────────────────────────────────────────────────


def fetch_lines(found: Fetched, put: Mapping[str, Put], place: Callable[[str], str]) -> Block:
    """What is in the folder now, and what is not; `place` is where a table is."""
    lines: list[str] = [_table_line(one, place(name)) for name, one in put.items()]
    if found.answers is not None:
        lines.append(_answers_line(found.answers, found.target))
    if found.jobs is not None:
        lines += _jobs_lines(found.jobs)
    if found.files is not None:
        lines += _files_lines(found.files, is_rehearsal=found.is_rehearsal)
    noun = type_of(found.target.kind).item_noun
    if not found.has_state:
        lines.append(
            f"there is no state file, so it is unknown which {noun}s belong to the cases; "
            "if it is elsewhere, name it with --state"
        )
    elif found.absent:
        verb = "has" if len(found.absent) == 1 else "have"
        count, names = cases_words(len(found.absent)), some_of(found.absent)
        lines.append(f"{count} {verb} no {noun} on the platform: {names}")
    return block(*lines, *map(next_line, _next_steps(found, put)))


def _next_steps(found: Fetched, put: Mapping[str, Put]) -> list[str]:
    """What to do next; empty if everything is there."""
    if found.has_state and found.absent:
        return ["upload what is missing with 'uploader run', then run the same command again"]
    if is_waiting(found):
        return ["run the same command once the jobs have ended; it fetches only what is new"]
    is_kept = any(one.state is FileState.KEPT for one in found.files or ())
    if is_kept or Put.KEPT in put.values():
        return ["run the same command with --force, or with another folder"]
    return []


def is_complete(found: Fetched, put: Mapping[str, Put]) -> bool:
    """Whether all that the platform has is there, as it was sent, and no job has failed."""
    states = {one.state for one in found.files or ()}
    fine = {FileState.FETCHED, FileState.THERE}
    if found.absent or not states <= fine or Put.KEPT in put.values():
        return False
    return all(row.state is not JobState.FAILED for row in found.jobs or ())


def is_waiting(found: Fetched) -> bool:
    """Whether jobs are still running."""
    return any(row.state is JobState.RUNNING for row in found.jobs or ())


def _table_line(one: Put, place: str) -> Block:
    match one:
        case Put.WRITTEN:
            return line(("wrote", Tone.GOOD), f" {place}")
        case Put.UNCHANGED:
            return line(f"{place} is ", ("up to date", Tone.GOOD))
        case Put.KEPT:
            words = f" {place} is not the file that fetch wrote; --force replaces it"
            return line(("kept:", Tone.WARNING), words)


def _answers_line(rows: tuple[AnswerRow, ...], target: Target) -> str:
    readers = {row.seen.creator for row in rows}
    others = sum(row.case is None for row in rows)
    words = counted(len(rows), "answer")
    if rows:
        words += f" from {counted(len(readers), 'reader')}"
    if others:
        noun = type_of(target.kind).item_noun
        words += f", {others:,} of them on {noun}s that are not in the manifest"
    return words


def _jobs_lines(rows: tuple[JobRow, ...]) -> list[Block]:
    by_state: dict[JobState, list[JobRow]] = {state: [] for state in JobState}
    for row in rows:
        by_state[row.state].append(row)
    counts = [
        line(f"{len(of):,} ", (state.value, _JOB_TONES[state]))
        for state, of in by_state.items()
        if of and state is not JobState.ABSENT
    ]
    total = len(rows) - len(by_state[JobState.ABSENT])
    pieces = [piece for one in counts for piece in (", ", one)][1:]
    head = line(f"{counted(total, 'job')}: ", *pieces) if total else line("0 jobs")
    shown = (JobState.FAILED, JobState.RUNNING)
    return [head, *(one for state in shown for one in _job_lines(state, by_state[state]))]


def _job_lines(state: JobState, rows: list[JobRow]) -> list[Block]:
    words = [
        f" {row.case}: the job's status is '{row.status}'; see {row.page}" for row in rows[:_SHOWN]
    ]
    if (more := len(rows) - _SHOWN) > 0:
        words.append(f" {more:,} more; {JOBS} lists all")
    return [line((f"{state}:", _JOB_TONES[state]), one) for one in words]


def _files_lines(files: tuple[FetchedFile, ...], *, is_rehearsal: bool) -> list[str]:
    by_state: dict[FileState, list[FetchedFile]] = {state: [] for state in FileState}
    for one in files:
        by_state[one.state].append(one)
    fetched = by_state[FileState.FETCHED] + by_state[FileState.CHANGED]
    size = size_words(sum(one.size or 0 for one in fetched))
    head = f"{counted(len(fetched), 'file')} fetched ({size})"
    if by_state[FileState.THERE]:
        head += f", {len(by_state[FileState.THERE]):,} already there"
    missing = [one for one in by_state[FileState.MISSING] if one.why is not Why.NO_ITEM]
    dropped = [one for one in missing if is_rehearsal and one.why is Why.NOT_GIVEN]
    missing = [one for one in missing if one not in dropped]
    return [
        head,
        *_some(
            by_state[FileState.KEPT],
            "kept",
            "differs from the platform's file; --force replaces it",
        ),
        *_some(
            by_state[FileState.CHANGED],
            "differs",
            "the platform's file is not the one that was sent",
        ),
        *(
            found
            for why, words in _WHY.items()
            for found in _some((one for one in missing if one.why is why), "missing", words)
        ),
        *([_marked("missing", f"{counted(len(dropped), 'file')}: {_DROPPED}")] if dropped else []),
    ]


def _some(files: Iterable[FetchedFile], mark: str, words: str) -> list[Block]:
    """A line for each, but of very many only the first."""
    listed = list(files)
    lines = [_marked(mark, f"{_named(one)}: {words}") for one in listed[:_SHOWN]]
    more = len(listed) - _SHOWN
    return [*lines, *([_marked(mark, f"{more:,} more; --json names all")] if more > 0 else [])]


def _marked(mark: str, words: str) -> Block:
    """A line about what is missing, kept or different."""
    return line((f"{mark}:", Tone.BAD if mark == "missing" else Tone.WARNING), f" {words}")


def _named(one: FetchedFile) -> str:
    return one.name or (f"{one.case}/{one.socket}" if one.socket else one.case)
