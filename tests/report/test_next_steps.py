"""What the page says to do next fits where the cases stand."""

from __future__ import annotations

import pytest

from manifest_uploader.report.next_steps import Commands, next_steps

COMMANDS = Commands(lambda name, options: " ".join(("uploader", name, *options, "m.yaml")))
RUN = "uploader run m.yaml"


@pytest.mark.parametrize(
    ("counts", "more", "commands"),
    [
        ({"done": 3}, {}, ["uploader verify m.yaml"]),
        ({"new": 3}, {}, [RUN]),
        ({"done": 1, "importing": 2}, {}, [RUN]),
        ({"done": 1, "uploading": 1, "new": 1}, {}, [RUN]),
        ({"done": 1, "changed": 1}, {}, [RUN]),
        ({"failed": 2, "new": 1}, {}, [RUN, "uploader run --retry-failed m.yaml"]),
        ({"unconfirmed": 1, "new": 1}, {}, [RUN]),
        ({"deleted": 1, "done": 1}, {}, ["uploader run --recreate m.yaml"]),
        ({"done": 1}, {"unchecked": 2}, ["uploader run --resend-unchecked m.yaml"]),
        ({"done": 1}, {"problems": 1}, ["uploader validate m.yaml"]),
        ({"failed": 1}, {"runs_since": "10:32"}, ["uploader status --watch m.yaml"]),
    ],
)
def test_each_step_names_the_command_to_type(
    counts: dict[str, int], more: dict[str, int], commands: list[str]
) -> None:
    steps = next_steps(counts, COMMANDS, item_noun="display set", **more)  # type: ignore[arg-type]

    assert commands == [step.command for step in steps]


def test_words_agree_with_their_numbers() -> None:
    one = next_steps({"deleted": 1}, COMMANDS, item_noun="display set")[0]
    two = next_steps({"deleted": 2}, COMMANDS, item_noun="display set")[0]
    importing = next_steps({"importing": 1}, COMMANDS, item_noun="display set")[0]

    assert one.words == "1 display set was deleted on the platform. To recreate:"
    assert two.words == "2 display sets were deleted on the platform. To recreate:"
    assert importing.words == "1 case is still importing. See whether they arrived:"
