from __future__ import annotations

import io
import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from manifest_uploader.errors import PlatformRefused, PlatformUnreachable, TokenRefused, UsageError
from manifest_uploader.platform import client as client_module
from manifest_uploader.platform import lists, retries, transport
from manifest_uploader.platform.address import Patience
from manifest_uploader.platform.client import Client
from manifest_uploader.platform.responses import Interrupted, Response, ResponseLost
from manifest_uploader.platform.retries import Retries, retry_after_s
from manifest_uploader.platform.traffic import Meter
from manifest_uploader.sandbox import Fault, Seen
from tests.box import Box
from tests.faults import Script, Step
from tests.helpers import TOKEN, few_examples
from tests.platform.servers import Reply, page, reply, scripted, xml

Connect = Callable[..., Client]
DISPLAY_SETS = "reader-studies/display-sets/"
SECRET_URL = "/part?X-Amz-Signature=feedbeef&X-Amz-Credential=me"


def quick(stall_s: float = 5.0, give_up_s: float = 5.0) -> Patience:
    return Patience(stall_s, give_up_s, first_pause_s=0.001)


def pieces(*data: bytes) -> Callable[[], Iterator[bytes]]:
    return lambda: iter(data)


# ── a request that goes well ────────────────────────────────────────────────────────────────


def test_a_request_goes_below_the_api_address_with_the_token(connect: Connect) -> None:
    with scripted(reply(200, {"count": 3})) as server:
        answer = connect(f"{server.url}/api/v1/").get("uploads/", limit=1)

    [asked] = server.asked
    assert (asked.method, asked.path) == ("GET", "/api/v1/uploads/?limit=1")
    assert asked.headers["authorization"] == f"Bearer {TOKEN}"
    assert (answer.status, answer.json) == (200, {"count": 3})


def test_a_body_travels_as_json(connect: Connect) -> None:
    with scripted(reply(201, {"pk": "x"})) as server:
        answer = connect(server.url).call("POST", "items/", json={"title": "Ä ☃"})

    [asked] = server.asked
    assert asked.headers["content-type"] == "application/json"
    assert asked.body == rb'{"title": "\u00c4 \u2603"}'
    assert answer.ok


def test_requests_share_a_connection(connect: Connect) -> None:
    with scripted() as server:
        client = connect(server.url)
        for _ in range(3):
            client.get("a/")
        transports = client._connections._transports

    assert len(transports) == 1
    assert client.meter.traffic().requests == 3


# ── refusals come back ──────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("status", [400, 403, 404, 405, 415])
def test_a_refusal_is_an_answer_and_not_tried_again(connect: Connect, status: int) -> None:
    with scripted(reply(status, {"detail": "No."})) as server:
        answer = connect(server.url).call("PATCH", "x/", json={}, repeat=False)

    assert (answer.status, answer.json, answer.ok) == (status, {"detail": "No."}, False)
    assert len(server.asked) == 1


def test_a_page_of_html_has_no_words(connect: Connect) -> None:
    with scripted(page(404)) as server:
        answer = connect(server.url).get("x/")

    assert (answer.status, answer.json) == (404, None)


def test_a_refused_token_ends_the_run_at_once(connect: Connect) -> None:
    with (
        scripted(reply(401, {"detail": "Invalid token."})) as server,
        pytest.raises(TokenRefused) as caught,
    ):
        connect(server.url).get("x/")

    assert len(server.asked) == 1
    assert "Invalid token." in caught.value.message
    assert TOKEN not in caught.value.message + (caught.value.hint or "")


# ── beside each other ───────────────────────────────────────────────────────────────────────


def test_what_was_asked_ahead_is_there_when_it_is_called_for(connect: Connect) -> None:
    with scripted(reply(200, {"count": 3})) as server:
        client = connect(server.url)
        answer = client.ahead(lambda: client.get("x/"))

        assert answer().fields == answer().fields == {"count": 3}
        assert len(server.asked) == 1


def test_what_went_wrong_ahead_is_told_to_the_one_who_calls_for_it(connect: Connect) -> None:
    with scripted(reply(401, {"detail": "Invalid token."})) as server:
        client = connect(server.url)
        answer = client.ahead(lambda: client.get("x/"))

        with pytest.raises(TokenRefused):
            answer()


def test_cookies_are_not_sent_back(connect: Connect) -> None:
    with scripted(reply(200, {}, Set_Cookie="sessionid=1; Path=/"), reply(200, {})) as server:
        client = connect(server.url)
        client.get("x/")
        client.get("x/")

        assert not any("cookie" in str(asked.headers).lower() for asked in server.asked)
        assert len(server.asked) == 2


# ── tried again ─────────────────────────────────────────────────────────────────────────────

TROUBLES = {
    "busy": reply(503),
    "bad gateway": page(502),
    "timeout of a gateway": page(504),
    "request timeout": reply(408),
    "too many requests": reply(429),
    "internal error": page(500),
    "a page where data should be": page(200),
    "no JSON": Reply(200, b"{", {"Content-Type": "application/json"}),
    "cut short": Reply(200, b'{"count": 12345}', cut=True),
    "reset": Reply(reset=True),
}


@pytest.mark.parametrize("trouble", TROUBLES.values(), ids=TROUBLES)
def test_trouble_is_waited_out(connect: Connect, trouble: Reply) -> None:
    with scripted(trouble, trouble, reply(200, {"count": 1})) as server:
        client = connect(server.url)
        answer = client.get("x/")

    assert answer.json == {"count": 1}
    assert len(server.asked) == 3
    assert client.meter.traffic().requests == 3
    assert client.meter.traffic().retries == 2


def test_a_connection_that_was_closed_meanwhile_is_made_anew(connect: Connect) -> None:
    with scripted(Reply(200, closes=True)) as server:
        client = connect(server.url)

        assert all(client.get("x/").ok for _ in range(3))


@pytest.mark.parametrize(
    "trouble",
    [trouble for name, trouble in TROUBLES.items() if name != "too many requests"],
)
def test_what_may_have_acted_is_not_repeated_blindly(connect: Connect, trouble: Reply) -> None:
    with scripted(trouble, reply()) as server, pytest.raises(ResponseLost):
        connect(server.url).call("PATCH", "x/", json={}, repeat=False)

    assert len(server.asked) == 1


def test_what_cannot_have_acted_is_repeated(connect: Connect) -> None:
    with scripted(reply(429), reply(200, {"ok": 1})) as server:
        answer = connect(server.url).call("PATCH", "x/", json={}, repeat=False)

    assert answer.json == {"ok": 1}


def test_a_stalled_connection_is_given_up_and_tried_again(connect: Connect) -> None:
    with scripted(Reply(silent=True), reply(200, {"ok": 1})) as server:
        answer = connect(server.url, patience=quick(stall_s=0.2)).get("x/")

    assert answer.json == {"ok": 1}
    assert len(server.asked) == 2


def test_a_stall_may_have_acted(connect: Connect) -> None:
    with (
        scripted(Reply(silent=True)) as server,
        pytest.raises(ResponseLost, match=r"no data for 0\.2 s"),
    ):
        connect(server.url, patience=quick(stall_s=0.2)).call("PATCH", "x/", repeat=False)


def test_an_internal_error_that_stays_is_the_answer_after_six_tries(connect: Connect) -> None:
    with scripted(page(500)) as server:
        answer = connect(server.url).get("x/")

    assert (answer.status, answer.json) == (500, None)
    assert len(server.asked) == 6


@pytest.mark.parametrize("trouble", [reply(503), page(200), Reply(reset=True)])
def test_a_platform_that_stays_silent_is_given_up_in_the_end(
    connect: Connect, trouble: Reply
) -> None:
    with (
        scripted(trouble) as server,
        pytest.raises(PlatformUnreachable, match=r"gave up after 0\.5 s") as caught,
    ):
        connect(server.url, patience=quick(give_up_s=0.5)).get("x/")

    assert len(server.asked) > 1
    assert "Secret Proxy" not in caught.value.message


def test_a_closed_port_cannot_have_acted(connect: Connect) -> None:
    with scripted() as server:
        url = server.url
    client = connect(url, patience=quick(give_up_s=0.05))

    with pytest.raises(PlatformUnreachable, match=r"no connection \(refused\)"):
        client.call("PATCH", "x/", json={}, repeat=False)

    assert client.meter.traffic().retries > 0


def test_a_host_that_never_answered_is_given_up_soon(
    connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retries, "_AT_FIRST_S", 0.05)
    with scripted() as server:
        url = server.url

    with pytest.raises(PlatformUnreachable, match=r"refused\); gave up after 0\.05 s"):
        connect(url, patience=quick(give_up_s=5)).get("x/")


def test_a_host_that_answered_before_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retries, "_AT_FIRST_S", 0.01)
    waiting = Retries(quick(give_up_s=0.3), meter=Meter(), stopping=lambda: False)

    def refuse() -> Response:
        raise retries.Trouble("no connection (refused)", uncertain=False, unreachable=True)

    waiting.run(lambda: Response(200, None, {}), repeat=True)

    with pytest.raises(PlatformUnreachable, match=r"gave up after 0\.3 s"):
        waiting.run(refuse, repeat=True)


def test_an_unknown_name_is_told_as_such(connect: Connect) -> None:
    client = connect("https://platform.invalid/api/v1/", patience=quick(give_up_s=0.0))

    with pytest.raises(PlatformUnreachable, match="the host name is not known: is the network up"):
        client.get("x/")


def test_plain_http_on_a_port_for_https_is_told_as_such(connect: Connect) -> None:
    with scripted() as server:
        client = connect(f"https://127.0.0.1:{server.port}/", patience=quick(give_up_s=0.0))

        with pytest.raises(PlatformUnreachable, match="TLS"):
            client.get("x/")


def test_trouble_shows_until_an_exchange_goes_well(connect: Connect) -> None:
    troubles: list[str | None] = []
    with scripted(reply(503), reply()) as server:
        client = connect(server.url, stopping=lambda: bool(troubles.append(client.meter.trouble)))
        client.get("x/")

    assert set(troubles) == {"the platform is busy (503)"}
    assert client.meter.trouble is None
    assert client.meter.take_pressure() == (1, 1)
    assert client.meter.take_pressure() == (0, 0)


def test_a_run_that_is_stopped_waits_for_no_further_try(connect: Connect) -> None:
    with scripted(reply(503, Retry_After="60")) as server:
        client = connect(server.url, stopping=lambda: True)

        with pytest.raises(Interrupted):
            client.get("x/")


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize(
    "fault",
    [Fault.reset(), Fault.stall(0.3), Fault.truncate(), Fault.answer(500), Fault.answer(503)],
    ids=lambda fault: f"{fault.kind}-{fault.status}",
)
def test_a_look_survives_every_fault(begin: Callable[..., Box], fault: Fault, when: str) -> None:
    box = begin(hook=Script([Step("sockets", fault, 1, when), Step("sockets", fault, 2, when)]))

    answer = box.client.get("components/interfaces/")

    assert len(answer.json["results"]) >= len(Box.SOCKETS)


# ── pauses ──────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Pauses are noted and not waited for."""
    found: list[float] = []
    monkeypatch.setattr(Retries, "sleep", lambda _, seconds: found.append(seconds))
    return found


def test_pauses_grow_up_to_half_a_minute(connect: Connect, pauses: list[float]) -> None:
    with scripted(*[reply(503)] * 12, reply()) as server:
        connect(server.url, patience=Patience(first_pause_s=0.5)).get("x/")

    assert 0.5 <= pauses[0] <= 1.0
    assert pauses[3] > pauses[1] > pauses[0]
    assert pauses[-1] == 30.0


@pytest.mark.parametrize("status", [429, 503])
def test_the_platform_may_say_how_long_to_wait(
    connect: Connect, pauses: list[float], status: int
) -> None:
    in_a_minute = format_datetime(datetime.fromtimestamp(time.time() + 60, UTC), usegmt=True)
    asked = [reply(status, Retry_After=header) for header in ("7", in_a_minute, "86400", "soon")]
    with scripted(*asked, reply()) as server:
        connect(server.url).get("x/")

    assert pauses[0] == 7.0
    assert 55 < pauses[1] <= 60
    assert pauses[2] == 600.0
    assert pauses[3] < 1


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        *[("120", 120.0), (" 5 ", 5.0), ("0", 0.0), (None, None), ("", None), ("-1", None)],
        *[("1.5", None), ("tomorrow", None), ("Thu, 01 Jan 1970 00:01:40 GMT", 100.0)],
        *[("Thu, 01 Jan 1970 01:01:40 +0100", 100.0), ("Thu, 01 Jan 1970 00:01:40 -0000", 100.0)],
        ("Wed, 31 Dec 1969 23:00:00 GMT", 0.0),
        ("Thu, 01 Jan 1970 00:01:40 +99999999999999999999", None),
        ("Thu, 01 Jan 1970 99999999999999999999:01:40 GMT", None),
    ],
)
def test_retry_after_in_both_forms(header: str | None, seconds: float | None) -> None:
    assert retry_after_s(header, now=0.0) == seconds


@few_examples
@given(st.text() | st.builds("Thu, {} Jan {} {}:0:0 {:+}".format, *[st.integers()] * 4))
@example(header="0\x1f")
def test_no_retry_after_does_harm(header: str) -> None:
    found = retry_after_s(header, now=1e9)

    assert found is None or found >= 0


# ── what is not trusted ─────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_no_redirect_is_followed_with_the_token(connect: Connect, status: int) -> None:
    with (
        scripted() as elsewhere,
        scripted(reply(status, Location=elsewhere.url)) as server,
        pytest.raises(PlatformRefused) as caught,
    ):
        connect(server.url).get("x/")

    assert elsewhere.asked == []
    assert caught.value.message == f"the platform's address redirects elsewhere ({status})"


def test_an_answer_is_never_read_beyond_a_bound(
    connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport, "_LARGEST_ANSWER", 10_000)
    with (
        scripted(Reply(200, b" " * 20_000)) as server,
        pytest.raises(PlatformRefused, match="larger than any it should give"),
    ):
        connect(server.url).get("x/")


def test_json_that_is_nested_without_end_is_no_data(connect: Connect) -> None:
    with scripted(Reply(200, b"[" * 100_000), reply(200, {"ok": 1})) as server:
        assert connect(server.url).get("x/").json == {"ok": 1}


def test_a_list_is_read_page_by_page_from_our_own_address(connect: Connect) -> None:
    with scripted() as elsewhere:
        more = f"{elsewhere.url}/?offset=2&secret=1"
        first = reply(200, {"count": 3, "next": more, "results": [1, 2]})
        last = reply(200, {"count": 3, "next": None, "results": [3]})
        with scripted(first, last) as server:
            found = list(connect(server.url).pages("uploads/", reader_study="u"))

    assert found == [[1, 2], [3]]
    assert [asked.path for asked in server.asked] == [
        "/uploads/?reader_study=u&limit=1000",
        "/uploads/?reader_study=u&limit=1000&offset=2",
    ]
    assert elsewhere.asked == []


class Listed:
    """A hook that keeps the lists of items waiting until so many are asked for at a time."""

    def __init__(self, at_once: int) -> None:
        self.paths: list[str] = []
        self._together = threading.Barrier(at_once)

    def before(self, request: Seen) -> Fault | None:
        if request.kind == "item-list":
            self.paths.append(request.path)
            self._together.wait(10)
        return None

    def after(self, request: Seen, status: int) -> Fault | None:
        return None


@pytest.mark.parametrize(("expected", "at_once"), [(9, 3), (0, 1)])
def test_pages_are_requested_side_by_side_if_their_number_is_known(
    begin: Callable[..., Box], monkeypatch: pytest.MonkeyPatch, expected: int, at_once: int
) -> None:
    monkeypatch.setattr(lists, "_SHORT_PAGE", 3)
    monkeypatch.setattr(client_module, "PAGE", 9)
    hook = Listed(at_once)
    box = begin(hook=hook)
    made = [box.make(f"t{number}") for number in range(9)]

    pages = list(box.client.pages(DISPLAY_SETS, expected=expected, reader_study=box.target().pk))

    assert [one["pk"] for page in pages for one in page] == made
    assert len(hook.paths) == at_once


def test_a_list_that_grows_meanwhile_is_read_to_its_end(connect: Connect) -> None:
    first = reply(200, {"count": 2, "next": "x", "results": [1, 2]})
    last = reply(200, {"count": 3, "next": None, "results": [3]})
    with scripted(first, last) as server:
        found = list(connect(server.url).pages("uploads/", expected=2))

    assert found == [[1, 2], [3]]


def test_an_empty_page_is_the_last_whatever_it_says(connect: Connect) -> None:
    with scripted(reply(200, {"next": "x", "results": []})) as server:
        assert list(connect(server.url).pages("uploads/")) == [[]]


@pytest.mark.parametrize(
    "answer", [reply(200, {"results": 5}), reply(200, [1]), reply(404, {"detail": "Not found."})]
)
def test_what_is_no_list_ends_the_run(connect: Connect, answer: Reply) -> None:
    with scripted(answer) as server, pytest.raises(PlatformRefused, match="did not list uploads"):
        list(connect(server.url).pages("uploads/"))


# ── parts ───────────────────────────────────────────────────────────────────────────────────


def test_a_part_goes_to_storage_without_the_token(connect: Connect) -> None:
    with scripted(reply(200, ETag='"abc"')) as storage, scripted() as server:
        client = connect(server.url)
        answer = client.storage.put_part(
            storage.url + SECRET_URL, length=6, body=pieces(b"abc", b"def")
        )

    [asked] = storage.asked
    assert (asked.method, asked.body) == ("PUT", b"abcdef")
    assert asked.headers["content-length"] == "6"
    assert "authorization" not in asked.headers
    assert "transfer-encoding" not in asked.headers
    assert answer.headers["etag"] == '"abc"'
    assert client.meter.traffic().bytes_sent == 6


def test_an_empty_part_has_a_length_too(connect: Connect) -> None:
    with scripted(reply(200)) as storage:
        connect(storage.url).storage.put_part(storage.url, length=0, body=pieces())

    assert storage.asked[0].headers["content-length"] == "0"


@pytest.mark.parametrize(
    "trouble",
    [
        *(xml(500, "InternalError"), xml(503, "SlowDown"), xml(400, "RequestTimeout")),
        *(Reply(reset=True), Reply(cut=True)),
    ],
)
def test_a_part_is_sent_anew_from_its_first_byte(connect: Connect, trouble: Reply) -> None:
    with scripted(trouble, reply(200)) as storage:
        connect(storage.url).storage.put_part(storage.url, length=3, body=pieces(b"abc"))

    assert [asked.body for asked in storage.asked] == [b"abc", b"abc"]


@pytest.mark.parametrize(("status", "code"), [(403, "AccessDenied"), (404, "NoSuchUpload")])
def test_what_storage_refuses_comes_back_with_its_words(
    connect: Connect, status: int, code: str
) -> None:
    with scripted(xml(status, code)) as storage:
        answer = connect(storage.url).storage.put_part(storage.url, length=0, body=pieces())

    assert answer.status == status
    assert f"<Code>{code}</Code>" in answer.text


@pytest.mark.parametrize(
    "url",
    [
        *("http://192.0.2.1/part", "ftp://127.0.0.1/", "https://", "https://[::1", "//x/", ""),
        *("http://a..b/part", "https://\x00/part", "https://x:99999/"),
    ],
)
def test_no_part_goes_over_a_line_that_others_can_read(connect: Connect, url: str) -> None:
    client = connect("http://127.0.0.1:9/")

    with pytest.raises(PlatformRefused, match="storage address"):
        client.storage.put_part(url, length=0, body=pieces())

    assert client.meter.traffic().requests == 0


def test_an_error_while_a_part_is_read_is_no_trouble_of_the_line(connect: Connect) -> None:
    def broken() -> Iterator[bytes]:
        yield b"abc"
        raise LookupError("the file is gone")

    with scripted() as storage, pytest.raises(LookupError, match="the file is gone"):
        connect(storage.url).storage.put_part(storage.url, length=6, body=broken)


# ── proxies ─────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", ["HTTP_PROXY", "ALL_PROXY", "http_proxy"])
def test_loopback_never_goes_through_a_proxy(
    connect: Connect, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    with scripted() as proxy, scripted() as server:
        monkeypatch.setenv(name, f"http://me:secret@127.0.0.1:{proxy.port}")
        connect(server.url).get("x/")
        connect(f"http://localhost:{server.port}/").get("x/")
        connect(server.url).storage.put_part(server.url, length=0, body=pieces())

    assert proxy.asked == []
    assert len(server.asked) == 3


@pytest.mark.skipif(not Path("/proc").exists(), reason="only there 127.0.0.2 is ours unasked")
def test_storage_at_another_loopback_address_needs_no_proxy_either(
    connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    with scripted() as proxy, scripted(host="127.0.0.2") as storage:
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{proxy.port}")
        connect("http://127.0.0.1:9/").storage.put_part(storage.url, length=0, body=pieces())

    assert proxy.asked == []
    assert len(storage.asked) == 1


def test_a_platform_elsewhere_is_reached_through_the_proxy(
    connect: Connect, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "manifest_uploader")
    with scripted(reply(502)) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://me:hunter2@127.0.0.1:{proxy.port}")
        client = connect("https://platform.invalid/api/v1/", patience=quick(give_up_s=0.0))

        with pytest.raises(PlatformUnreachable) as caught:
            client.get("x/")

    assert {asked.path for asked in proxy.asked} == {"platform.invalid:443"}
    assert "hunter2" not in f"{caught.value.message} {caught.value.hint} {caplog.text}"


def test_behind_a_proxy_no_name_is_looked_up_here(
    connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []
    real = socket.getaddrinfo
    monkeypatch.setattr(
        socket,
        "getaddrinfo",
        lambda host, *more, **named: asked.append(host) or real("127.0.0.1", *more, **named),
    )
    with scripted(reply(502)) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://proxy.example:{proxy.port}")
        client = connect("https://platform.example/api/v1/", patience=quick(give_up_s=0.0))

        with pytest.raises(PlatformUnreachable):
            client.get("x/")
        with pytest.raises(PlatformUnreachable):
            client.storage.put_part("https://storage.example/x", length=0, body=pieces())
        assert not client.is_local

    assert set(asked) == {"proxy.example"}
    assert [one.path for one in proxy.asked] == ["platform.example:443", "storage.example:443"]


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_https_to_this_machine_goes_through_no_proxy(
    connect: Connect, monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    with scripted() as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{proxy.port}")
        with pytest.raises(PlatformUnreachable):
            connect(f"https://{host}:9/", patience=quick(give_up_s=0.0)).get("x/")

    assert proxy.asked == []


def test_a_proxy_that_wants_a_password_is_told_at_once(
    connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    with scripted(reply(407)) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{proxy.port}")

        with pytest.raises(PlatformUnreachable, match="asks for a user name and password"):
            connect("https://platform.invalid/api/v1/").get("x/")

    assert len(proxy.asked) == 1


@pytest.mark.parametrize(
    "proxy", ["socks5://me:hunter2@127.0.0.1:1", "htp://me:hunter2@x", "http://me:hunter2@x:port"]
)
def test_a_proxy_that_cannot_be_used_is_a_usage_error(
    connect: Connect, monkeypatch: pytest.MonkeyPatch, proxy: str
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", proxy)

    with pytest.raises(UsageError, match="proxy") as caught:
        connect("https://platform.invalid/api/v1/").get("x/")

    assert "hunter2" not in caught.value.message


# ── certificates ────────────────────────────────────────────────────────────────────────────


def test_a_certificate_that_is_not_trusted_ends_the_run_at_once(
    begin: Callable[..., Box], connect: Connect
) -> None:
    running = begin(tls=True).running

    with pytest.raises(PlatformUnreachable, match="the certificate is not trusted") as caught:
        connect(running.url, token=running.token).get("gcapi/")

    assert "SSL_CERT_FILE" in (caught.value.hint or "")
    assert running.requests() == 0


def test_a_certificate_of_ones_own_can_be_trusted(
    begin: Callable[..., Box], connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    running = begin(tls=True).running
    monkeypatch.setenv("SSL_CERT_FILE", str(running.ca))

    assert connect(running.url, token=running.token).get("gcapi/").ok


def test_certificates_that_cannot_be_read_are_a_usage_error(
    connect: Connect, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none.pem"))

    with pytest.raises(UsageError, match="cannot be read"):
        connect("https://platform.invalid/").get("x/")


# ── secrets ─────────────────────────────────────────────────────────────────────────────────


def test_no_secret_reaches_a_log(connect: Connect) -> None:
    text = io.StringIO()
    handler = logging.StreamHandler(text)
    root = logging.getLogger("manifest_uploader")
    before = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        answers = (reply(503), Reply(reset=True), page(200), reply(200))
        with scripted(*answers) as server, scripted(xml(503, "SlowDown"), reply()) as storage:
            client = connect(server.url)
            client.call("POST", "x/", json={"secret": "feedbeef"})
            client.storage.put_part(storage.url + SECRET_URL, length=0, body=pieces())
    finally:
        root.removeHandler(handler)
        root.setLevel(before)

    said = text.getvalue()
    assert "POST x/" in said
    assert "PUT part of 0 bytes" in said
    assert not [word for word in (TOKEN, "X-Amz", "feedbeef", "Bearer") if word in said]


# ── threads ─────────────────────────────────────────────────────────────────────────────────


def test_each_thread_has_connections_of_its_own_and_all_are_closed(connect: Connect) -> None:
    with scripted() as server:
        client = connect(server.url)
        threads = [threading.Thread(target=client.get, args=["x/"]) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        transports = list(client._connections._transports)
        client.close()

    assert len(transports) == 3
    assert all(transport.is_closed for transport in transports)


@pytest.mark.parametrize(("repeat", "ending"), [(True, Interrupted), (False, ResponseLost)])
def test_closing_wakes_a_thread_that_waits_and_it_tries_no_more(
    connect: Connect, repeat: bool, ending: type[Exception]
) -> None:
    endings: list[BaseException] = []
    with scripted(Reply(silent=True)) as server:
        client = connect(server.url, patience=quick(stall_s=20, give_up_s=20))

        def ask() -> None:
            try:
                client.call("PATCH", "x/", json={}, repeat=repeat)
            except Exception as error:  # noqa: BLE001
                endings.append(error)

        thread = threading.Thread(target=ask, daemon=True)
        thread.start()
        while not server.asked:
            time.sleep(0.01)
        client.close()
        thread.join(10)

    assert [type(error) for error in endings] == [ending]
    assert len(server.asked) == 1


def test_a_closed_client_sends_nothing(connect: Connect) -> None:
    with scripted() as server:
        client = connect(server.url)
        client.close()

        with pytest.raises(Interrupted):
            client.get("x/")

    assert server.asked == []


def test_another_patience_is_counted_by_the_same_meter(connect: Connect) -> None:
    with scripted() as server:
        client = connect(server.url)
        other = client.with_patience(quick(give_up_s=1))
        other.get("x/")
        other.close()

    assert client.meter.traffic().requests == 1
    assert other.platform == client.platform


def test_a_platform_on_this_machine_is_local(connect: Connect) -> None:
    found = [connect(url).is_local for url in ("http://127.0.0.1:9/", "https://192.0.2.1/")]

    assert found == [True, False]


def test_addresses_in_bodies_are_built_from_our_own(connect: Connect) -> None:
    client: Any = connect("http://127.0.0.1:9/api/v1")

    assert client.address("uploads", "x") == "http://127.0.0.1:9/api/v1/uploads/x/"
