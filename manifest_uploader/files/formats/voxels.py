"""Judge whether the voxels that a header announces are all there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO, Final

from manifest_uploader.files.formats import inflate
from manifest_uploader.files.formats.about import About
from manifest_uploader.files.formats.shared import cut, unreadable
from manifest_uploader.files.looks import FileLook, Flaw, FlawKind, VoxelData

TEXTS: Final = ("ascii", "hex")
"""Packings in which the voxels are text."""
DAMAGED: Final = unreadable(About.COMPRESSED_DATA)

_BLANKS: Final = b" \t\r\n\v\f"
_COMMA_IS_BLANK: Final = bytes.maketrans(b",", b" ")
_MORE: Final = 2**26
"""Bytes that are unpacked beyond those needed, to see the check at the end of the data."""


def voxel_flaws(stream: BinaryIO, size: int, voxels: VoxelData) -> tuple[Flaw, ...]:
    """What is wrong with the voxels in this file of `size` bytes; nothing if they are all there.

    A CUT of voxels that are not compressed, or whose compressed length the header says, counts the
    bytes of the file; else `expected` and `found` are bytes after unpacking, and `found` is None
    where the file is too short by so much that it need not be unpacked. Of voxels in text neither
    is known.

    Raises:
        OSError: The file cannot be read.

    """
    if voxels.packing in TEXTS:
        return _text_flaws(stream, voxels)
    known = voxels.packed if voxels.packing else voxels.length
    if known is not None and voxels.start + known > size:
        return (cut(voxels.start + known, size),)
    return _unpacked_flaws(stream, size, voxels) if voxels.packing else ()


def data_flaws(header: FileLook, data: BinaryIO, size: int) -> tuple[Flaw, ...]:
    """What is wrong with the separate data file, of `size` bytes, of a MetaImage header.

    Nothing if the header says nothing about it. The pieces of `voxel_flaws` apply.

    Raises:
        OSError: The data file cannot be read.

    """
    if header.voxels is None or header.data_file is None:
        return ()
    if size == 0:
        return (Flaw(FlawKind.EMPTY),)
    return voxel_flaws(data, size, header.voxels)


def voxel_bytes(stream: BinaryIO, size: int, voxels: VoxelData) -> Iterator[bytes]:
    """Yield the voxels that there are, as they are stored, in pieces of at most 256 KiB.

    Raises:
        inflate.Damaged: The compressed data is damaged.
        OSError: The file cannot be read.

    """
    left = voxels.length
    stream.seek(max(0, size - voxels.length) if voxels.at_end else min(voxels.start, size))
    if not voxels.packing:
        while left and (piece := stream.read(min(left, 2**18))):
            left -= len(piece)
            yield piece
        return
    skip = voxels.skip
    for piece in inflate.unpacked(
        stream,
        members=voxels.packing == "gzip",
        packed=voxels.packed,
        limit=voxels.skip + voxels.length,
    ):
        kept = piece[skip : skip + left]
        skip = max(0, skip - len(piece))
        left -= len(kept)
        if kept:
            yield kept


def _unpacked_flaws(stream: BinaryIO, size: int, voxels: VoxelData) -> tuple[Flaw, ...]:
    packed = size - voxels.start if voxels.packed is None else voxels.packed
    needed = voxels.skip + voxels.length
    if not inflate.can_hold(packed, needed):
        return (Flaw(FlawKind.CUT, expected=needed),)
    stream.seek(voxels.start)
    members = voxels.packing == "gzip"
    try:
        found = inflate.measure(stream, members=members, packed=packed, limit=2 * needed + _MORE)
    except inflate.Damaged:
        return (DAMAGED,)
    if found.length > needed and found.ended is False:
        # damage made more of it: zeros, for one, where a copy was broken off
        return (DAMAGED,)
    return (cut(needed, found.length),) if found.length < needed else ()


def _text_flaws(stream: BinaryIO, voxels: VoxelData) -> tuple[Flaw, ...]:
    """Count numbers, or hexadecimal digits, up to those that are needed."""
    stream.seek(voxels.start)
    needed = voxels.numbers if voxels.packing == "ascii" else 2 * voxels.length
    found = 0
    ended = True
    while found < needed and (piece := stream.read(2**16)):
        if voxels.packing == "hex":
            found += len(piece.translate(None, _BLANKS))
            continue
        words = piece.translate(_COMMA_IS_BLANK).split()
        goes_on = not ended and not piece[:1].isspace() and piece[:1] != b","
        found += len(words) - (goes_on and bool(words))
        ended = piece[-1:].isspace() or piece.endswith(b",")
    return (Flaw(FlawKind.CUT),) if found < needed else ()
