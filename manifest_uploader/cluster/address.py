"""Which workers a run shall have, from what a person typed; decides only."""

from __future__ import annotations

import ipaddress
import re
from enum import StrEnum
from typing import Final
from urllib.parse import urlsplit

from msgspec import Struct

from manifest_uploader.errors import UsageError

_LOCAL: Final = re.compile(r"local:(\d+)")
_SCHEMES: Final = frozenset({"tcp", "tls"})


class Batch(StrEnum):
    """The batch systems that can start workers; the names are those of dask-jobqueue."""

    SLURM = "slurm"
    PBS = "pbs"
    LSF = "lsf"


class Scheduler(Struct, frozen=True):
    """A Dask scheduler that runs already."""

    address: str
    """`tls://host:port`, or `tcp://` on this machine."""


class Local(Struct, frozen=True):
    """Workers on this machine, which the run starts and ends."""

    workers: int


class Jobs(Struct, frozen=True):
    """Workers in jobs of a batch system, which the run submits and ends."""

    batch: Batch
    jobs: int


Wanted = Scheduler | Local | Jobs


def parse(text: str) -> Scheduler | Local:
    """What `--dask` names.

    Raises:
        UsageError: it is neither the address of a scheduler nor `local:N`.

    """
    text = text.strip()
    if found := _LOCAL.fullmatch(text):
        if int(found[1]) < 1:
            raise UsageError(f"'{text}' has no workers", hint="write  local:4  for four")
        return Local(int(found[1]))
    address = text if "://" in text else f"tcp://{text}"
    try:
        parts = urlsplit(address)
        is_address = parts.scheme in _SCHEMES and bool(parts.hostname and parts.port)
    except ValueError:
        is_address = False
    if not is_address:
        raise UsageError(
            f"'{text}' is not the address of a Dask scheduler",
            hint="write it as  tls://HOST:8786 , or  local:4  for four workers on this machine",
        )
    if not is_private(address):
        raise UsageError(
            f"'{text}' is on another machine, and the connection to it is not encrypted",
            hint="start the scheduler and its workers with TLS (uploader help cluster), and write "
            f"tls://{parts.netloc}",
        )
    return Scheduler(address)


def is_private(address: str) -> bool:
    """Whether nobody can read what is sent to an address: presigned URLs are secrets."""
    parts = urlsplit(address)
    if parts.scheme == "tls":
        return True
    host = parts.hostname or ""
    try:
        return parts.scheme == "tcp" and ipaddress.ip_address(host).is_loopback
    except ValueError:
        return parts.scheme == "tcp" and host.lower() == "localhost"
