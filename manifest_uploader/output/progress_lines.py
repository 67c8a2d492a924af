"""What a command does while people wait, in lines of text."""

from __future__ import annotations

from typing import Final

from manifest_uploader.engine.activity import Doing, Stage
from manifest_uploader.engine.progress import Looking, Progress
from manifest_uploader.output.formatting import cases_words, counted, size_words, time_words
from manifest_uploader.output.live_view import NO_WORKERS, SILENCE_S, waiting_word

STOPPING: Final = "Stopping after current uploads. Press Ctrl-C again to stop now."
EASED: Final = "slower: the platform is busy"


def looking_line(looking: Looking) -> str:
    """How far the look into the local files is."""
    values, files = counted(looking.values, "value"), counted(looking.files, "file")
    if looking.hashing is None:
        return f"checking files: {values}, {files}"
    name, size = looking.hashing
    return f"checking files: {values}, {files}; hashing '{name}' ({size_words(size)})"


def importing_line(images: int) -> str:
    """How far the platform's importer is with the images."""
    return f"asking the platform's importer: {counted(images, 'image')}"


def doing_line(doing: Doing) -> str:
    """What a command does before it sends anything."""
    if doing.trouble:
        return trouble_words(doing.trouble)
    silence = f"waiting for the platform to answer ({time_words(doing.silent_s)})"
    is_silent = doing.silent_s >= SILENCE_S
    if doing.stage is Stage.PLATFORM and (found := doing.listing) is not None:
        line = f"listing {found.what}: {found.read:,} of {found.total:,}"
        return f"{line}; {silence}" if is_silent else line
    if is_silent:
        return silence
    return _stage_line(doing)


def _stage_line(doing: Doing) -> str:
    if doing.stage is Stage.DOWNLOADS and (some := doing.downloading) is not None:
        return f"fetching files: {some.files:,} of {some.total:,}, {size_words(some.size)}"
    if doing.workers == 0 and doing.stage in {Stage.FILES, Stage.IMPORTER}:
        return NO_WORKERS
    if doing.stage is Stage.IMPORTER:
        return importing_line(doing.images)
    if doing.stage is Stage.FILES:
        return looking_line(doing.looking or Looking(0, 0))
    return _STAGES[doing.stage]


_STAGES: Final = {
    Stage.MANIFEST: "reading the manifest",
    Stage.PLATFORM: "checking the platform",
    Stage.PLAN: "planning",
    Stage.DOWNLOADS: "fetching files",
}


def trouble_words(trouble: str) -> str:
    """Why a request is being repeated."""
    return f"trouble: {trouble}; trying again"


def progress_line(progress: Progress, *, is_paused: bool = False) -> str:
    """How far a run is, in one line."""
    parts = [f"{progress.ended:,} of {cases_words(progress.cases)} finished"]
    if progress.total_bytes:
        parts += _bytes_parts(progress, is_paused=is_paused)
    if not progress.is_sending and not progress.stopping:
        parts.append("nothing left to send now")
    if progress.waiting:
        parts.append(f"{progress.waiting:,} {waiting_word(progress)}")
    if progress.workers is not None:
        parts.append(counted(len(progress.workers), "worker") if progress.workers else NO_WORKERS)
    if progress.doubted:
        parts.append(doubt_words(progress))
    if progress.silent_s >= SILENCE_S:
        parts.append(silence_words(progress))
    if progress.eased:
        parts.append(EASED)
    return ", ".join(parts)


def silence_words(progress: Progress) -> str:
    """For how long the platform has not answered."""
    return f"waiting for an answer ({time_words(progress.silent_s)})"


def doubt_words(progress: Progress) -> str:
    """For how many jobs the run looks."""
    return f"looking for {counted(progress.doubted, 'job')} whose start was not answered"


def _bytes_parts(progress: Progress, *, is_paused: bool) -> list[str]:
    """Bytes, and while they are being sent their speed; the time that a pause takes is unknown."""
    shown, speed = min(progress.sent_bytes, progress.total_bytes), progress.speed
    parts = [f"{size_words(shown)} of {size_words(progress.total_bytes)}"]
    if not speed or not progress.is_sending:
        return parts
    parts.append(f"{size_words(round(speed))}/s")
    left_s = (progress.total_bytes - shown) / speed
    return [*parts, f"{time_words(left_s)} left"] if left_s > 1 and not is_paused else parts


def pause_line(why: str | None, since_s: float, *, jobs: bool = False) -> str:
    """Why no new upload, or no new job, starts, and since when; or that they continue."""
    if why is None:
        return "jobs are started again" if jobs else "uploads continue"
    if jobs:
        return (
            f"no new job for {time_words(since_s)}: {why} "
            "(the next one starts by itself as soon as another one ends)"
        )
    return (
        f"uploads paused for {time_words(since_s)}: {why} "
        "(imports continue; uploads resume by themselves)"
    )
