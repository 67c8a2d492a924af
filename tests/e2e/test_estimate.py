"""What `plan` says of requests is about what `run` needs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests import forked
from tests.e2e.data import mask, mha
from tests.e2e.helpers import Box, Served, served

MANY = 4
SLUGS = ("values", "images", "mixed")


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("estimate")
    with served(folder / "sandbox", reader_studies=SLUGS, archives=SLUGS) as found:
        yield found


def of_values(box: Box) -> None:
    for number in range(MANY):
        box.add_score(f"patient-{number}", number + 0.5)


def of_images(box: Box) -> None:
    for number in range(MANY):
        name = f"patient-{number}"
        box.write(mha(name), name, "ct.mha")
        box.add(name, {"ct-image": {"file": f"{name}/ct.mha"}})


def of_everything(box: Box) -> None:
    for number in range(MANY):
        name = f"patient-{number}"
        box.add_usual(name)["sockets"]["report"] = {"file": f"{name}/report.pdf"}
        box.write(b"%PDF-1.4 " + name.encode(), name, "report.pdf")


def check(box: Box) -> None:
    """The plan's number is within a tenth of the run's, and one for a look more or less."""
    planned = box("plan", "--json").expect(0).summary["requests"]
    given = box.environment(**{forked.AS_PEOPLE_WAIT: "1"})
    needed = box.run(env=given).expect(0).summary["requests"]
    assert abs(planned - needed) <= needed / 10 + 1, f"{planned} planned, {needed} needed"


@pytest.mark.parametrize("kind", ["reader-study", "archive"])
@pytest.mark.parametrize(
    ("slug", "fill"), [*zip(SLUGS, (of_values, of_images, of_everything), strict=True)]
)
def test_a_plan_knows_about_how_many_requests_a_run_needs(
    tmp_path: Path, running: Served, kind: str, slug: str, fill: Callable[[Box], None]
) -> None:
    box = Box(tmp_path, running, kind=kind, slug=slug)
    fill(box)
    box.save()

    check(box)
    check(box)  # with nothing to do
    if fill is of_everything:
        box.write(mask("another"), "patient-0", "airways.mha")
        box.entries[1]["sockets"]["some-score"] = 77
        box.save()
        check(box)
