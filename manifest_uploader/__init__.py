"""Upload the cases of a YAML manifest to Grand Challenge, each exactly once.

    import manifest_uploader as mu

    manifest = mu.Manifest.load("lung.yaml")
    result = manifest.run(sandbox=True)

`Manifest` has all the rest; its methods take the options of the command line as keywords.
"""

from __future__ import annotations

TYPE_CHECKING = False  # as in `typing`, whose import takes longer than `uploader --version`
if TYPE_CHECKING:
    from manifest_uploader.api.building import (
        Case,
        Column,
        File,
        Files,
        Image,
        SameAs,
        Value,
    )
    from manifest_uploader.api.events import (
        Begun,
        CaseEnded,
        Note,
        RunEvent,
        Step,
        Warned,
    )
    from manifest_uploader.api.findings import (
        Fetched,
        Plan,
        PlannedCase,
        Validation,
        Verification,
    )
    from manifest_uploader.api.manifest import (
        Manifest,
    )
    from manifest_uploader.api.results import (
        CaseResult,
        CaseStatus,
        Failure,
        Result,
        Status,
    )
    from manifest_uploader.api.running import (
        Run,
    )
    from manifest_uploader.engine.progress import (
        Progress,
    )
    from manifest_uploader.errors import (
        CannotGoOn,
        ExtraMissing,
        OutputLost,
        PlatformRefused,
        PlatformUnreachable,
        StateDamaged,
        StateLocked,
        StateMismatch,
        StateUnwritable,
        TokenRefused,
        UploaderError,
        UsageError,
    )
    from manifest_uploader.manifest.problems import (
        ManifestInvalid,
        Place,
        Problem,
    )
    from manifest_uploader.plan.differences import (
        Difference,
    )

__version__ = "0.2.0"
__all__ = [
    "Begun",
    "CannotGoOn",
    "Case",
    "CaseEnded",
    "CaseResult",
    "CaseStatus",
    "Column",
    "Difference",
    "ExtraMissing",
    "Failure",
    "Fetched",
    "File",
    "Files",
    "Image",
    "Manifest",
    "ManifestInvalid",
    "Note",
    "OutputLost",
    "Place",
    "Plan",
    "PlannedCase",
    "PlatformRefused",
    "PlatformUnreachable",
    "Problem",
    "Progress",
    "Result",
    "Run",
    "RunEvent",
    "SameAs",
    "StateDamaged",
    "StateLocked",
    "StateMismatch",
    "StateUnwritable",
    "Status",
    "Step",
    "TokenRefused",
    "UploaderError",
    "UsageError",
    "Validation",
    "Value",
    "Verification",
    "Warned",
    "__version__",
]

_MODULES = {
    "api.building": (
        "Case",
        "Column",
        "File",
        "Files",
        "Image",
        "SameAs",
        "Value",
    ),
    "api.events": (
        "Begun",
        "CaseEnded",
        "Note",
        "RunEvent",
        "Step",
        "Warned",
    ),
    "api.findings": (
        "Fetched",
        "Plan",
        "PlannedCase",
        "Validation",
        "Verification",
    ),
    "api.manifest": ("Manifest",),
    "api.results": (
        "CaseResult",
        "CaseStatus",
        "Failure",
        "Result",
        "Status",
    ),
    "api.running": ("Run",),
    "engine.progress": ("Progress",),
    "errors": (
        "CannotGoOn",
        "ExtraMissing",
        "OutputLost",
        "PlatformRefused",
        "PlatformUnreachable",
        "StateDamaged",
        "StateLocked",
        "StateMismatch",
        "StateUnwritable",
        "TokenRefused",
        "UploaderError",
        "UsageError",
    ),
    "manifest.problems": (
        "ManifestInvalid",
        "Place",
        "Problem",
    ),
    "plan.differences": ("Difference",),
}
"""The modules that have these names; each is imported when one of them is used."""

if not TYPE_CHECKING:  # type checkers know the names above, and no others

    def __getattr__(name: str) -> object:
        """The attribute, from its module."""
        from importlib import import_module  # noqa: PLC0415 - `uploader --version` does without

        for module, names in _MODULES.items():
            if name in names:
                found = getattr(import_module(f"{__name__}.{module}"), name)
                globals()[name] = found
                return found
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    """What completion offers."""
    return sorted({*globals(), *__all__})
