"""Archives as bytes."""

from __future__ import annotations

import io
import tarfile
import zipfile
from collections.abc import Mapping


def zip_of(
    files: Mapping[str, bytes], *, compressed: bool = True, method: int = zipfile.ZIP_DEFLATED
) -> bytes:
    """A ZIP archive of files; `method` is how they are compressed."""
    kind = method if compressed else zipfile.ZIP_STORED
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", kind) as archive:
        for name, data in files.items():
            info = zipfile.ZipInfo(name)  # takes an empty name, too
            info.compress_type = kind
            archive.writestr(info, data)
    return stream.getvalue()


def tar_of(files: Mapping[str, bytes], mode: str = "w") -> bytes:
    """A tar archive of files; `mode` as `tarfile.open` takes it, `w:gz` for a compressed one."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode=mode) as archive:  # type: ignore[call-overload]
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return stream.getvalue()
