"""The JSON Schemas of the platform's JSON sockets, and its messages for invalid values."""

from __future__ import annotations

import threading
from typing import Any

_NUMBERS = {"type": "array", "items": {"type": "number"}}
_POINT = {**_NUMBERS, "minItems": 3, "maxItems": 3}
_PAIR = {"type": "array", "items": _POINT, "minItems": 2, "maxItems": 2}
_POINTS = {"type": "array", "items": _POINT}
_SIMPLE: dict[str, dict[str, Any]] = {
    "String": {"type": "string"},
    "Integer": {"type": "integer"},
    "Float": {"type": "number"},
    "Bool": {"type": "boolean"},
    "Anything": {},
    "Chart": {"type": "object"},
    "Choice": {"type": "string"},
    "Multiple choice": {"type": "array", "items": {"type": "string"}},
}
_SHAPES: dict[str, dict[str, Any]] = {
    "2D bounding box": {"corners": {**_POINTS, "minItems": 4, "maxItems": 4}},
    "Distance measurement": {"start": _POINT, "end": _POINT},
    "Point": {"point": _POINT},
    "Polygon": {"path_points": _POINTS},
    "Line": {"seed_points": _POINTS, "path_point_lists": {"type": "array", "items": _POINTS}},
    "Angle": {"lines": {"type": "array", "items": _PAIR, "minItems": 2, "maxItems": 2}},
    "Ellipse": {"major_axis": _PAIR, "minor_axis": _PAIR},
    "Three-point angle": {"angle": {**_POINTS, "minItems": 3, "maxItems": 3}},
    "Affine transform registration": {
        "3d_affine_transform": {"type": "array", "items": _NUMBERS, "minItems": 4, "maxItems": 4}
    },
}
_SEVERAL = {
    "Multiple 2D bounding boxes": ("boxes", "2D bounding box"),
    "Multiple distance measurements": ("lines", "Distance measurement"),
    "Multiple points": ("points", "Point"),
    "Multiple polygons": ("polygons", "Polygon"),
    "Multiple lines": ("lines", "Line"),
    "Multiple angles": ("angles", "Angle"),
    "Multiple ellipses": ("ellipses", "Ellipse"),
    "Multiple three-point angles": ("angles", "Three-point angle"),
}
_VERSION = {
    "type": "object",
    "required": ["major", "minor"],
    "properties": {"major": {"type": "integer"}, "minor": {"type": "integer"}},
}


def schema_of(kind: str) -> dict[str, Any]:
    """Return the schema of a kind of JSON socket."""
    if kind in _SIMPLE:
        return _SIMPLE[kind]
    if kind in _SEVERAL:
        return _several(kind)
    return _annotation(kind, _SHAPES[kind])


def _annotation(kind: str, fields: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "required": ["version", "type", *fields],
        "properties": {
            "version": _VERSION,
            "type": {"const": kind},
            "name": {"type": ["string", "null"]},
            **fields,
        },
    }


def _several(kind: str) -> dict[str, Any]:
    name, single = _SEVERAL[kind]
    fields = _SHAPES[single]
    item = {"type": "object", "required": list(fields), "properties": fields}
    return _annotation(kind, {name: {"type": "array", "items": item}})


class Validators:
    """Checks values, and caches the validator of each socket."""

    def __init__(self) -> None:
        """Start with an empty cache."""
        self._known: dict[int, Any] = {}
        self._lock = threading.Lock()

    def complaint(self, socket: int, schema: Any, value: Any) -> str | None:
        """Return the platform's message about an invalid value, or None if it is valid."""
        import jsonschema  # noqa: PLC0415 - it takes 0.2 s, and most starts need none

        with self._lock:
            if socket not in self._known:
                self._known[socket] = jsonschema.Draft7Validator(schema)
            validator = self._known[socket]
        error = jsonschema.exceptions.best_match(validator.iter_errors(value))
        return None if error is None else _words(error)


def check_schema(schema: Any) -> None:
    """Raise ValueError for an invalid JSON Schema."""
    import jsonschema  # noqa: PLC0415

    try:
        jsonschema.Draft7Validator.check_schema(schema)
    except jsonschema.SchemaError as error:
        raise ValueError(error.message) from error


def _words(error: Any) -> str:
    """Remove the instance from the message as the platform does, which keeps quoted texts."""
    message = error.message.replace(f"{error.instance} ", "")
    return f"JSON does not fulfill schema: instance {message}"
