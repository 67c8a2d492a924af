"""Why there is no connection to a scheduler, in words; decides only."""

from __future__ import annotations

import ssl
from typing import Final
from urllib.parse import urlsplit

from distributed.comm.core import CommClosedError

from manifest_uploader.errors import CannotGoOn

_CONFIGURATION: Final = "Dask's configuration on this machine"
_NAME_THEM: Final = (
    "name them in ~/.config/dask/distributed.yaml, as  uploader help cluster  shows it"
)


def no_connection(address: str, error: Exception, hint: str | None) -> CannotGoOn:
    """What to tell of an exception that Dask raised instead of connecting.

    Args:
        address: of the scheduler.
        error: what was raised.
        hint: what to do if nothing answers there.

    """
    is_tls = urlsplit(address).scheme == "tls"
    match error:
        case TypeError() if is_tls:
            return CannotGoOn(
                f"{address} needs certificates, and {_CONFIGURATION} names none", hint=_NAME_THEM
            )
        case FileNotFoundError() | PermissionError() | IsADirectoryError() | ssl.SSLError():
            return CannotGoOn(
                f"the certificates that {_CONFIGURATION} names for {address} cannot be read",
                hint=_NAME_THEM,
            )
        case RuntimeError() if "encryption" in str(error):
            return CannotGoOn(
                f"{_CONFIGURATION} allows encrypted connections only, and {address} has none",
                hint="start the scheduler with TLS (uploader help cluster), and write tls://",
            )
        case CommClosedError() if is_tls:
            return CannotGoOn(
                f"there is something at {address}, but it has other certificates than "
                f"{_CONFIGURATION} names, or is no Dask scheduler with TLS",
                hint="all machines need the same certificates, and --dask the address that  "
                "dask scheduler  prints (uploader help cluster)",
            )
        case CommClosedError():
            return CannotGoOn(
                f"there is something at {address}, but it is no Dask scheduler, or needs TLS",
                hint="give --dask the address that  dask scheduler  prints",
            )
    return CannotGoOn(f"no Dask scheduler answers at {address}", hint=hint)
