"""Upload sessions: tickets that wait for a fill, and records of how imports went."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from manifest_uploader.digests import Json
from manifest_uploader.platform.items import is_pk
from manifest_uploader.platform.model import UUID
from manifest_uploader.platform.responses import PAGE, Response

if TYPE_CHECKING:  # importing it takes 0.1 s of CPU, which commands without a network save
    from manifest_uploader.platform.client import Client

SESSIONS: Final = "cases/upload-sessions"
"""The collection of upload sessions in the API's paths."""
_LONGEST_MESSAGE = 2000
"""Characters of the platform's words that are kept."""
_FAILURE = "Image validation for socket {title} failed"
"""How Grand Challenge's message about a failed import begins."""
_NO_REASON = (" failed with error: .", " failed with error: ")
"""How it ends where the platform knows no reason."""
_FEW: Final = 100
"""Sessions of an account that one small request lists; it also tells how many there are."""


# ── tickets ─────────────────────────────────────────────────────────────────────────────────


class TicketSeen(Struct, frozen=True):
    """A session of ours as the platform shows it."""

    pk: str
    status: str
    """Queued, Re-Queued, Started, Succeeded, Failed or Cancelled."""
    message: str = ""
    """The platform's message; a session that succeeded may have one too."""
    images: frozenset[str] = frozenset()
    """The pks of the images that its import made."""

    @property
    def was_used(self) -> bool:
        """Whether the fill that names it took effect, which happens in one transaction."""
        return self.status != "Queued"

    @property
    def has_failed(self) -> bool:
        """Whether its import has failed."""
        return self.status in {"Failed", "Cancelled"}

    @property
    def has_succeeded(self) -> bool:
        """Whether its uploads became an image; attaching that to the item may still fail."""
        return self.status == "Succeeded"

    @property
    def has_reason(self) -> bool:
        """Whether the message says why the import failed."""
        return _has_reason(self.message)


def post_session(client: Client, upload: str) -> Response:
    """Ask for a session that waits for a fill; the answer 201 has its `pk`.

    A session that no fill names does nothing, so the request is repeated if its answer is lost.
    """
    return client.call(
        "POST", f"{SESSIONS}/", json={"uploads": [client.address("uploads", upload)]}
    )


def get_ticket(client: Client, pk: str) -> TicketSeen | None:
    """One session; None if the platform does not show it."""
    answer = client.get(f"{SESSIONS}/{pk}/")
    return _ticket({**answer.fields, "pk": pk}) if answer.ok else None


def newest_tickets(client: Client, newest: int) -> dict[str, TicketSeen]:
    """The newest sessions of the account by pk, as far as their list shows them; see `_newest`."""
    seen = map(_ticket, _newest(client, newest, probe=1))
    return {ticket.pk: ticket for ticket in seen if ticket is not None}


def _ticket(entry: Json) -> TicketSeen | None:
    if not isinstance(entry, dict) or not is_pk(entry.get("pk")):
        return None
    status = entry.get("status")
    message = _message(entry.get("error_message"))
    images = _image_pks(entry.get("image_set"))
    return TicketSeen(entry["pk"], status, message, images) if isinstance(status, str) else None


def _image_pks(addresses: Json) -> frozenset[str]:
    listed = addresses if isinstance(addresses, list) else []
    found = (re.findall(UUID, str(address)) for address in listed)
    return frozenset(pks[-1].lower() for pks in found if pks)


def any_was_used(client: Client, pks: tuple[str, ...]) -> bool | None:
    """Whether a fill that names these sessions took effect; None if the platform shows none.

    A fill is atomic, so the first session that is shown decides for all.
    """
    for pk in pks:
        if (ticket := get_ticket(client, pk)) is not None:
            return ticket.was_used
    return None


# ── failed imports, of platforms without tickets ────────────────────────────────────────────


class FailedImport(Struct, frozen=True):
    """A failed import session, the only record of why an import without a ticket failed."""

    pk: str
    message: str
    """The platform's message."""
    uploads: frozenset[str]
    """Empty where the first stage of the import had taken them in."""

    def names(self, socket_title: str) -> bool:
        """The message is about a socket with this title: the API has no field that says so."""
        return self.message.startswith(_FAILURE.format(title=socket_title))

    @property
    def has_reason(self) -> bool:
        """The message says why the import failed."""
        return _has_reason(self.message)


def failed_imports(client: Client, *, newest: int) -> list[FailedImport]:
    """The failed ones among the newest sessions of the account, in no order; see `_newest`."""
    entries = _newest(client, newest, probe=min(newest, _FEW))
    return [found for entry in entries if (found := _failed(entry)) is not None]


def _failed(entry: Json) -> FailedImport | None:
    if not isinstance(entry, dict) or entry.get("status") != "Failed":
        return None
    pk, uploads = entry.get("pk"), entry.get("user_uploads")
    if not is_pk(pk):
        return None
    named = frozenset(str(one) for one in uploads) if isinstance(uploads, list) else frozenset()
    return FailedImport(pk, _message(entry.get("error_message")), named)


# ── the list ────────────────────────────────────────────────────────────────────────────────


def _newest(client: Client, newest: int, *, probe: int) -> list[Json]:
    """About the newest sessions of the account.

    The list has no filter and no promised order. Sessions are stored one after the other, so the
    newest are near its end. A platform that does not list sessions has none.

    Args:
        client: sends the requests.
        newest: how many sessions to list.
        probe: the first request lists so many, and tells how many there are.

    """
    first = client.get(f"{SESSIONS}/", limit=probe)
    entries, count = _entries(first), first.fields.get("count")
    if not isinstance(count, int) or count <= len(entries):
        return entries
    found: list[Json] = []
    offset = max(0, count - newest)
    while offset < count:
        page = _entries(client.get(f"{SESSIONS}/", limit=PAGE, offset=offset))
        found += page
        offset += len(page) or PAGE
    return found


def _entries(answer: Response) -> list[Json]:
    results = answer.fields.get("results") if answer.ok else None
    return results if isinstance(results, list) else []


def _message(words: Json) -> str:
    return str(words or "")[:_LONGEST_MESSAGE]


def _has_reason(message: str) -> bool:
    return not message.endswith(_NO_REASON)
