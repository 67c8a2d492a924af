"""What the tests of the manifest rooms share."""

from manifest_uploader.manifest.parser import parse
from manifest_uploader.manifest.problems import ManifestInvalid, format_problem

HEAD = "version: 1\ntarget:\n  kind: reader-study\n  slug: lung-nodules\n"


def case_with(socket_value: str) -> str:
    """A manifest of one case whose socket `x` holds what is given."""
    return f"{HEAD}cases:\n  - name: a\n    sockets:\n      x: {socket_value}\n"


def value_of(socket_value: str):
    """The model's value for what is given."""
    return parse(case_with(socket_value), "m.yaml").cases[0].values[0]


def problems_of(text: str | bytes, path: str = "m.yaml") -> list[str]:
    """The problems as they are printed; empty for a manifest that is right."""
    try:
        parse(text, path)
    except ManifestInvalid as invalid:
        return [format_problem(problem) for problem in invalid.problems]
    return []
