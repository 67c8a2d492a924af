"""The packages that only some users need, and how to install them for this Python."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from msgspec import Struct

from manifest_uploader.system.shells import for_shell

_NAME: Final = "manifest-uploader"


class Extra(Struct, frozen=True):
    """An optional part of the package."""

    packages: tuple[str, ...]
    """What pyproject.toml lists for it."""
    modules: tuple[str, ...]
    """What these packages are imported as."""
    needed_for: str

    @property
    def is_installed(self) -> bool:
        """Whether each of its modules can be imported; none is."""
        return all(find_spec(name) is not None for name in self.modules)


EXTRAS: Final = {
    "dask": Extra(
        ("distributed", "dask-jobqueue", "cryptography", "bokeh"),
        ("distributed", "dask_jobqueue", "cryptography", "bokeh"),
        "run --dask",
    ),
    "importer": Extra(
        ("panimg", "openslide-bin", "pyvips-binary"),
        ("panimg", "openslide_bin", "pyvips"),
        "validate --import",
    ),
    "keyring": Extra(("keyring",), ("keyring",), "login"),
    "report": Extra(
        ("jinja2", "numpy", "pillow", "pygal", "SimpleITK"),
        ("jinja2", "numpy", "PIL", "pygal", "SimpleITK"),
        "report",
    ),
    "sandbox": Extra(("cryptography",), ("cryptography",), "sandbox --tls"),
    "xlsx": Extra(("openpyxl",), ("openpyxl",), "tables of Excel"),
}
"""By name. A test compares them with pyproject.toml."""


def install_command(*names: str) -> str:
    """What to type to install extras for this Python, from wherever uploader was installed."""
    return _command([package for name in names for package in EXTRAS[name].packages])


def reinstall_command(package: str) -> str:
    """What to type to install a package again that does not start."""
    return _command([package], again=True)


def _command(packages: Iterable[str], *, again: bool = False) -> str:
    """A command of whatever made this Python's environment: pipx, uv, or pip."""
    if (Path(sys.prefix) / "pipx_metadata.json").exists():
        return for_shell(["pipx", "inject", *["--force"] * again, _NAME, *packages])
    if find_spec("pip") is None:
        install = ["uv", "pip", "install", "--python", sys.executable]
        return for_shell([*install, *["--reinstall"] * again, *packages])
    install = [sys.executable, "-m", "pip", "install"]
    return for_shell([*install, *["--force-reinstall"] * again, *packages])
