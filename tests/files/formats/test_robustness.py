"""Whole files are whole, cut ones are cut, and nothing that is wrong in a file raises."""

from __future__ import annotations

import itertools
import random
from collections.abc import Mapping

import pytest

from manifest_uploader.files.looks import FileLook, FlawKind, Format
from tests.files.formats.helpers import flaws_of, look
from tests.files.formats.inputs import every_input
from tests.files.formats.written import written

WRITTEN = list(written())
REFUSED = (
    *("Pillow: several MPO", "Pillow: bits PNG", "Pillow: plain TIFF"),
    *("nibabel: NIfTI-2", "nibabel: NIfTI-2 compressed", "nibabel: NIfTI pair"),
    "nibabel: Analyze",
)
"""Whole files that the importer does not read."""
_SPARE = {Format.PNG: 24, Format.METAIMAGE: 4, Format.NIFTI: 10, Format.NRRD: 10, Format.TIFF: 16}
"""What may be missing at the end without a loss: checks, PNG's last chunk, what fills up a TIFF."""
SEEDS = [(name, files) for name, files in itertools.chain(every_input(), WRITTEN)]


def test_many_programs_wrote_these_files() -> None:
    assert len(WRITTEN) > 80


@pytest.mark.parametrize(("name", "files"), WRITTEN, ids=[name for name, _ in WRITTEN])
def test_a_file_as_programs_write_it_has_no_flaw(name: str, files: Mapping[str, bytes]) -> None:
    flaws = flaws_of(files)

    kinds = [FlawKind.UNSUPPORTED] if name in REFUSED else []
    assert [flaw.kind for flaw in flaws] == kinds


@pytest.mark.parametrize(("name", "files"), WRITTEN, ids=[name for name, _ in WRITTEN])
def test_a_file_that_a_program_wrote_is_cut_wherever_it_ends(
    name: str, files: Mapping[str, bytes]
) -> None:
    (first, data), *rest = files.items()
    shown = look(data, first)
    if name == "Pillow: animated PNG":
        pytest.skip("only the first of its pictures is imported")
    if shown.format in (Format.OTHER, Format.ANALYZE, Format.NIFTI2) or shown.data_file:
        pytest.skip("the importer does not read it, or its voxels are elsewhere")
    end = len(data) - _SPARE.get(shown.format, 0)

    lengths = {1, 4, 100, *random.Random(1).sample(range(1, end), min(60, end - 1)), end - 1}
    for length in sorted(length for length in lengths if length < end):
        cut = {first: data[:length], **dict(rest)}
        assert _is_refused(cut), length


def _is_refused(files: Mapping[str, bytes]) -> bool:
    (name, data), *_ = files.items()
    shown = look(data, name)
    return bool(flaws_of(files)) or shown.image is None or shown.data_file is not None


def test_no_input_raises_whatever_is_wrong_in_it() -> None:
    chance = random.Random(7)
    for _ in range(4000):
        _, files = chance.choice(SEEDS)
        name, data = chance.choice(list(files.items()))
        changed = _changed(bytearray(data[:100_000]), chance)

        flaws = flaws_of({name: changed, **{n: d for n, d in files.items() if n != name}})
        shown = look(changed, name)

        assert isinstance(shown, FileLook)
        assert all(flaw.expected is None or flaw.expected > 0 for flaw in flaws)


def _changed(data: bytearray, chance: random.Random) -> bytes:
    """Some bytes cut off, changed, taken out or put in, most of them near the beginning."""
    if chance.random() < 0.2:
        return bytes(data[: chance.randrange(len(data) + 1)])
    for _ in range(chance.choice((1, 2, 5, 20))):
        if not data:
            break
        place = chance.randrange(min(len(data), chance.choice((16, 400, len(data)))))
        size = chance.randrange(5)
        data[place : place + chance.randrange(5)] = chance.choice(
            (
                *(chance.randbytes(size), bytes(size), b"\xff" * size, b"9999", b"-1 ", b"\n"),
                *(b"\x7f\xff\xff\xff", b"\xff\xff\xff\x7f", b""),
            )
        )
    return bytes(data)
