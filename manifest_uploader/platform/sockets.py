"""Decides which values fit which kind of socket, as far as the platform's API shows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from manifest_uploader.digests import Json
from manifest_uploader.manifest.model import FileValue, ImageValue, JsonValue, Value
from manifest_uploader.manifest.near_json import looks_like
from manifest_uploader.platform.model import Socket

DICOM_SET: Final = "DICOM Image Set"
SEGMENTATION: Final = "Segmentation"
_SUPER_KINDS: Final = {"Image", "Value", "File"}


def misfit(value: Value, socket: Socket) -> tuple[str, str | None] | None:
    """(message, hint) if a value cannot go into a socket; None if it may."""
    if socket.super_kind not in _SUPER_KINDS:
        return (f"socket '{socket.slug}' is of an unknown kind '{socket.kind}'", None)
    match value:
        case ImageValue():
            return _image_misfit(socket)
        case JsonValue():
            return _json_misfit(value, socket)
        case FileValue():
            return None


def takes_json(socket: Socket) -> bool:
    """Whether the socket takes JSON, as a value or as a file."""
    if socket.super_kind == "Value":
        return True
    if socket.super_kind != "File":
        return False
    if socket.relative_path:
        return socket.relative_path.endswith(".json")
    return not socket.kind.lower().endswith(("file", "jpg", "png", "format"))


def is_json_file(socket: Socket) -> bool:
    """Whether the socket takes JSON, and the platform stores it as a file."""
    return socket.super_kind == "File" and takes_json(socket)


def value_misfit(value: Json, socket: Socket) -> tuple[str, str | None] | None:
    """(message, hint) if a JSON value does not fit the socket's kind; None if it may."""
    rule = _RULES.get(socket.kind)
    if rule is None:
        return None
    wanted, fits = rule
    if fits(value):
        return None
    return (
        f"socket '{socket.slug}' of kind '{socket.kind}' takes {wanted}, not {_shown(value)}",
        looks_like(value) if isinstance(value, str) else None,
    )


def _image_misfit(socket: Socket) -> tuple[str, str | None] | None:
    if socket.super_kind == "Image":
        return None
    return (
        f"socket '{socket.slug}' is of kind '{socket.kind}' and takes no image",
        "name a file or a value for it",
    )


def _json_misfit(value: JsonValue, socket: Socket) -> tuple[str, str | None] | None:
    if socket.super_kind == "Image":
        return (
            (
                f"socket '{socket.slug}' of kind '{socket.kind}' takes files, "
                f"not {_given(value.value)}"
            ),
            "write  files: PATH",
        )
    if not takes_json(socket):
        return (
            (
                f"socket '{socket.slug}' of kind '{socket.kind}' takes a file, "
                f"not {_given(value.value)}"
            ),
            "write  file: PATH",
        )
    return value_misfit(value.value, socket)


def _is_number(value: Json) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_integer(value: Json) -> bool:
    return _is_number(value) and value == int(value)


def _is_text(value: Json) -> bool:
    return isinstance(value, str)


def _is_texts(value: Json) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) for one in value)


def _is_object(value: Json) -> bool:
    return isinstance(value, dict)


_OBJECT: Final[tuple[str, Callable[[Json], bool]]] = (
    "an object with the annotation (a mapping)",
    _is_object,
)
_RULES: Final[dict[str, tuple[str, Callable[[Json], bool]]]] = {
    "Float": ("a number", _is_number),
    "Integer": ("a whole number", _is_integer),
    "Bool": ("true or false", lambda value: isinstance(value, bool)),
    "String": ("text", _is_text),
    "Choice": ("text", _is_text),
    "Multiple choice": ("a list of texts", _is_texts),
    **dict.fromkeys(
        (
            "2D bounding box",
            "Multiple 2D bounding boxes",
            "Distance measurement",
            "Multiple distance measurements",
            "Point",
            "Multiple points",
            "Polygon",
            "Multiple polygons",
            "Line",
            "Multiple lines",
            "Angle",
            "Multiple angles",
            "Ellipse",
            "Multiple ellipses",
            "Three-point angle",
            "Multiple three-point angles",
        ),
        _OBJECT,
    ),
}


def _given(value: Json) -> str:
    return _shown(value) if isinstance(value, str | dict | list) else f"the value {_shown(value)}"


def _shown(value: Json) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            return f"the text '{value[:40]}{'…' if len(value) > 40 else ''}'"  # noqa: PLR2004
        case dict():
            return "a mapping"
        case list():
            return "a list"
        case _:
            return str(value)[:40]
