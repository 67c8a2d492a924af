"""What the page says to do next fits where the cases stand."""

from __future__ import annotations

import pytest

from manifest_uploader.manifest.model import TargetKind
from manifest_uploader.report.next_steps import Commands, next_steps
from manifest_uploader.state.standing import Standing

COMMANDS = Commands(lambda name, options: " ".join(("uploader", name, *options, "m.yaml")))
RUN = "uploader run m.yaml"


@pytest.mark.parametrize(
    ("counts", "more", "commands"),
    [
        ({Standing.DONE: 3}, {}, ["uploader verify m.yaml"]),
        ({Standing.NEW: 3}, {}, [RUN]),
        ({Standing.DONE: 1, Standing.IMPORTING: 2}, {}, [RUN]),
        ({Standing.DONE: 1, Standing.UPLOADING: 1, Standing.NEW: 1}, {}, [RUN]),
        ({Standing.DONE: 1, Standing.CHANGED: 1}, {}, [RUN]),
        ({Standing.FAILED: 2, Standing.NEW: 1}, {}, [RUN, "uploader run --retry-failed m.yaml"]),
        ({Standing.UNCONFIRMED: 1, Standing.NEW: 1}, {}, [RUN]),
        ({Standing.DELETED: 1, Standing.DONE: 1}, {}, ["uploader run --recreate m.yaml"]),
        ({Standing.DONE: 1}, {"unchecked": 2}, ["uploader run --resend-unchecked m.yaml"]),
        ({Standing.DONE: 1}, {"problems": 1}, ["uploader validate m.yaml"]),
        ({Standing.FAILED: 1}, {"runs_since": "10:32"}, ["uploader status --watch m.yaml"]),
    ],
)
def test_each_step_names_the_command_to_type(
    counts: dict[Standing, int], more: dict[str, int], commands: list[str]
) -> None:
    steps = next_steps(counts, COMMANDS, kind=TargetKind.READER_STUDY, **more)  # type: ignore[arg-type]

    assert commands == [step.command for step in steps]


def test_jobs_run_and_are_not_imported() -> None:
    (running,) = next_steps({Standing.IMPORTING: 2}, COMMANDS, kind=TargetKind.ALGORITHM)
    failed = next_steps({Standing.FAILED: 1}, COMMANDS, kind=TargetKind.ALGORITHM)

    assert running.words == "2 jobs are still running. See what became of them:"
    assert failed[1].words == "If the files are right, start failed jobs again unchanged:"


def test_words_agree_with_their_numbers() -> None:
    one = next_steps({Standing.DELETED: 1}, COMMANDS, kind=TargetKind.READER_STUDY)[0]
    two = next_steps({Standing.DELETED: 2}, COMMANDS, kind=TargetKind.READER_STUDY)[0]
    importing = next_steps({Standing.IMPORTING: 1}, COMMANDS, kind=TargetKind.READER_STUDY)[0]

    assert one.words == "1 display set was deleted on the platform. To recreate:"
    assert two.words == "2 display sets were deleted on the platform. To recreate:"
    assert importing.words == "1 case is still importing. See whether they arrived:"
