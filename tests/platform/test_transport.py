"""Both lines do the same, over real connections: the direct one, and the one for proxies."""

from __future__ import annotations

import contextlib
import gzip
import socket
import ssl
import struct
import sys
import threading
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from manifest_uploader.errors import PlatformRefused
from manifest_uploader.platform import transport
from manifest_uploader.platform.proxied import ProxiedLine
from manifest_uploader.platform.transport import Broken, DirectLine, How, Line, Request
from tests.platform.servers import Reply, reply, scripted

MakeLine = Callable[..., Line]


@pytest.fixture(params=[DirectLine, ProxiedLine])
def make_line(request: pytest.FixtureRequest) -> Iterator[MakeLine]:
    made: list[Line] = []

    def make(stall_s: float = 5.0) -> Line:
        context = ssl.create_default_context()
        made.append(request.param(context, connect_s=5.0, stall_s=stall_s))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def line(make_line: MakeLine) -> Line:
    return make_line()


@contextlib.contextmanager
def speaking(
    speak: Callable[[socket.socket], None], ended: threading.Semaphore | None = None
) -> Iterator[str]:
    """A server that does as it is told with each connection, one after the other.

    `ended` is released when a connection has ended and the client's side of it knows.
    """
    listening = socket.create_server(("127.0.0.1", 0))
    ending = threading.Event()

    def serve() -> None:
        while not ending.is_set():
            with contextlib.suppress(OSError), listening.accept()[0] as connection:
                speak(connection)
            if ended is not None:
                ended.release()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        ending.set()
        with contextlib.suppress(OSError):
            listening.shutdown(socket.SHUT_RDWR)
        listening.close()
        thread.join()


def saying(*answer: bytes, after: bytes = b"\r\n\r\n") -> Callable[[socket.socket], None]:
    """Read a request, say this and end the connection."""

    def speak(connection: socket.socket) -> None:
        seen = b""
        while after not in seen:
            seen += connection.recv(65536) or after
        for piece in answer:
            connection.sendall(piece)

    return speak


def get(line: Line, url: str) -> transport.Reply:
    return line.exchange(Request("GET", url, {"Accept-Encoding": "gzip"}))


def test_a_request_shows_no_secret() -> None:
    shown = repr(Request("PUT", "https://x/?X-Amz-Signature=feed", {"Authorization": "beef"}))

    assert shown == "Request(PUT)"


# ── what is sent ────────────────────────────────────────────────────────────────────────────


def test_slices_go_as_one_body(line: Line) -> None:
    slices = iter([b"abc", memoryview(b"def"), memoryview(bytearray(300_000))])
    with scripted() as server:
        headers = {"Content-Length": str(6 + 300_000)}
        line.exchange(Request("PUT", f"{server.url}/part?x=1", headers, slices))

    [asked] = server.asked
    assert (asked.method, asked.path) == ("PUT", "/part?x=1")
    assert asked.body == b"abcdef" + bytes(300_000)
    assert asked.headers["host"] == f"127.0.0.1:{server.port}"
    assert "transfer-encoding" not in asked.headers


@pytest.mark.parametrize(
    ("address", "asked_for"),
    [
        ("", "/"),
        ("?a=b", "/?a=b"),
        (
            "/a%2Fb/?X-Amz-Credential=me%2Fs3&t=a+b%20c",
            "/a%2Fb/?X-Amz-Credential=me%2Fs3&t=a+b%20c",
        ),
        ("/CT scan/é", "/CT%20scan/%C3%A9"),
    ],
)
def test_an_address_is_asked_for_as_it_is_signed(line: Line, address: str, asked_for: str) -> None:
    with scripted() as server:
        get(line, server.url + address)

    assert [asked.path for asked in server.asked] == [asked_for]


def test_head_and_short_body_go_together() -> None:
    seen: list[bytes] = []

    def speak(connection: socket.socket) -> None:
        seen.append(connection.recv(65536))
        connection.sendall(REFUSAL)

    line = DirectLine(ssl.create_default_context(), connect_s=5, stall_s=5)
    with speaking(speak) as url:
        line.exchange(Request("POST", url, {"Content-Length": "2"}, b"{}"))
        line.close()

    assert seen[0].endswith(b"\r\n\r\n{}")


def test_servers_have_connections_of_their_own(line: Line) -> None:
    with scripted(reply(200, 1)) as one, scripted(reply(200, 2)) as other:
        said = [get(line, server.url).content for server in (one, other, one, other)]

    assert said == [b"1", b"2", b"1", b"2"]


# ── connections are kept, and given up ──────────────────────────────────────────────────────


def counted(connections: list[int], answers: int) -> Callable[[socket.socket], None]:
    """Answer so many requests of a connection, then end it."""

    def speak(connection: socket.socket) -> None:
        connections.append(connection.fileno())
        for _ in range(answers):
            if not connection.recv(65536):
                return
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    return speak


def test_a_connection_is_used_again(line: Line) -> None:
    connections: list[int] = []
    with speaking(counted(connections, 3)) as url:
        assert [get(line, url).content for _ in range(3)] == [b"ok"] * 3

    assert len(connections) == 1


def test_a_connection_that_the_server_ended_is_not(line: Line) -> None:
    connections: list[int] = []
    ended = threading.Semaphore(0)
    with speaking(counted(connections, 1), ended) as url:
        for _ in range(3):
            assert get(line, url).content == b"ok"
            assert ended.acquire(timeout=10)

    assert len(connections) == 3


def test_an_old_connection_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "KEEP_ALIVE_S", -1.0)
    line = DirectLine(ssl.create_default_context(), connect_s=5, stall_s=5)
    connections: list[int] = []
    with speaking(counted(connections, 3)) as url:
        assert [get(line, url).content for _ in range(2)] == [b"ok"] * 2
        line.close()

    assert len(connections) == 2


def test_a_connection_that_is_asked_to_end_is_not(line: Line) -> None:
    with scripted(reply(200, 1, Connection="close")) as server:
        assert [get(line, server.url).content for _ in range(3)] == [b"1"] * 3


def test_what_comes_unasked_is_taken_for_no_answer(line: Line) -> None:
    said = [b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", b"HTTP/1.1 200 OK\r\n\r\nforged"]
    ended = threading.Semaphore(0)
    with speaking(saying(*said), ended) as url:
        for _ in range(2):
            assert get(line, url).content == b"ok"
            assert ended.acquire(timeout=10)


# ── a server that does not take it all ──────────────────────────────────────────────────────

REFUSAL = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 7\r\nConnection: close\r\n\r\nexpired"


def endless(pieces: list[int]) -> Iterator[bytes]:
    for number in range(256):
        pieces.append(number)
        yield bytes(2**18)


def test_an_answer_that_comes_before_the_body_is_through_is_read(line: Line) -> None:
    taken: list[int] = []
    answered = threading.Event()

    def speak(connection: socket.socket) -> None:
        saying(REFUSAL)(connection)
        connection.shutdown(socket.SHUT_WR)
        while len(taken) < 3 and connection.recv(65536):
            pass
        answered.set()

    headers = {"Content-Length": str(256 * 2**18)}
    with speaking(speak) as url:
        try:
            got = line.exchange(Request("PUT", url, headers, endless(taken)))
            assert (got.status, got.content) == (403, b"expired")
        except Broken as broken:  # elsewhere the reset may overtake the answer
            assert (broken.how, sys.platform) != (How.CUT, "linux")  # noqa: PT017

    assert answered.is_set()
    assert len(taken) < 256


def test_a_line_that_is_closed_meanwhile_sends_the_rest_nowhere(line: Line) -> None:
    seen: list[bytes] = []

    def speak(connection: socket.socket) -> None:
        while piece := connection.recv(65536):
            seen.append(piece)

    def body() -> Iterator[bytes]:
        yield b"first"
        line.close()
        yield b"second"

    with speaking(speak) as url, pytest.raises((Broken, RuntimeError)):
        line.exchange(Request("PUT", url, {"Content-Length": "11"}, body()))

    assert not [piece for piece in seen if b"second" in piece]
    assert line.is_closed


def test_behind_half_a_body_goes_nothing_more(monkeypatch: pytest.MonkeyPatch) -> None:
    real = transport._passed_on
    monkeypatch.setattr(
        transport, "_passed_on", lambda line, piece: piece != b"abcdef" and real(line, piece)
    )
    line = DirectLine(ssl.create_default_context(), connect_s=5, stall_s=5)
    connections: list[int] = []
    with speaking(counted(connections, 2)) as url:
        for _ in range(2):
            line.exchange(Request("PUT", url, {"Content-Length": "6"}, iter([b"abcdef"])))
        line.close()

    assert len(connections) == 2


def test_an_error_of_the_body_is_the_callers(line: Line) -> None:
    def body() -> Iterator[bytes]:
        yield b"abc"
        raise OSError("the file is gone")

    with scripted() as server:
        with pytest.raises(OSError, match="the file is gone"):
            line.exchange(Request("PUT", server.url, {"Content-Length": "6"}, body()))

        assert get(line, server.url).status == 200


# ── how it breaks ───────────────────────────────────────────────────────────────────────────


def reset(connection: socket.socket) -> None:
    connection.recv(65536)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


BROKEN = {
    "nothing": saying(),
    "reset": reset,
    "no HTTP": saying(b"SSH-2.0-OpenSSH\r\n\r\n"),
    "half a head": saying(b"HTTP/1.1 200 OK\r\nContent-Le"),
    "short": saying(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort"),
    "half a chunk": saying(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab"),
    "no last chunk": saying(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n"),
    "no number": saying(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\nab\r\n"),
    "no gzip": saying(
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nabcd"
    ),
}


@pytest.mark.parametrize("speak", BROKEN.values(), ids=BROKEN)
def test_an_answer_that_is_none_is_told(line: Line, speak: Any) -> None:
    with speaking(speak) as url, pytest.raises(Broken) as caught:
        get(line, url)

    assert caught.value.how is How.CUT


@contextlib.contextmanager
def silent() -> Iterator[str]:
    """A server that takes a connection and does nothing with it."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


def test_silence_is_told(make_line: MakeLine) -> None:
    with silent() as url, pytest.raises(Broken) as caught:
        get(make_line(stall_s=0.05), url)

    assert caught.value.how is How.SILENT


def test_a_server_that_takes_nothing_more_is_told(make_line: MakeLine) -> None:
    headers = {"Content-Length": str(256 * 2**18)}
    with silent() as url, pytest.raises(Broken) as caught:
        make_line(stall_s=0.05).exchange(Request("PUT", url, headers, endless([])))

    assert caught.value.how is How.SILENT


def test_a_connection_may_take_its_time_otherwise_than_its_beginning() -> None:
    line = DirectLine(ssl.create_default_context(), connect_s=5, stall_s=60)
    with scripted() as server:
        get(line, server.url)
        [kept] = line._kept.values()
        assert kept.sock.gettimeout() == 60
        line.close()


@pytest.mark.parametrize("host", ["127.0.0.1:9", "nobody.invalid", f"{'x' * 64}.invalid"])
def test_a_server_that_is_not_there_is_told(line: Line, host: str) -> None:
    with pytest.raises(Broken) as caught:
        get(line, f"http://{host}/")

    assert caught.value.how is How.UNREACHABLE


# ── what is read ────────────────────────────────────────────────────────────────────────────


def head(*more: bytes) -> bytes:
    return b"\r\n".join([b"HTTP/1.1 200 OK", *more, b"\r\n"])


def test_chunks_are_put_together(line: Line) -> None:
    answer = head(b"Transfer-Encoding: chunked") + b"2\r\nab\r\n3\r\ncde\r\n0\r\n\r\n"
    with speaking(saying(answer)) as url:
        assert get(line, url).content == b"abcde"


def test_an_answer_without_length_ends_with_the_connection(line: Line) -> None:
    with speaking(saying(head() + b"abc", b"def")) as url:
        assert [get(line, url).content for _ in range(2)] == [b"abcdef"] * 2


def test_an_answer_without_content_keeps_the_connection(line: Line) -> None:
    with scripted(Reply(204, b""), reply(200, 1)) as server:
        assert get(line, server.url).status == 204
        assert get(line, server.url).content == b"1"


@pytest.mark.parametrize("length", [0, 1, 200_000])
def test_packed_answers_are_unpacked(line: Line, length: int) -> None:
    packed = gzip.compress(bytes(length))
    answer = head(b"Content-Encoding: GZIP", b"Content-Length: %d" % len(packed)) + packed
    with speaking(saying(answer)) as url:
        assert get(line, url).content == bytes(length)


def test_names_of_headers_come_in_lower_case(line: Line) -> None:
    with speaking(saying(head(b"ETag: x", b"Content-Length: 0"))) as url:
        assert get(line, url).headers["etag"] == "x"


def test_packed_answers_are_unpacked_in_small_pieces() -> None:
    unpacker = zlib.decompressobj(16 + zlib.MAX_WBITS)
    pieces = list(transport._unpacked(unpacker, gzip.compress(bytes(5_000_000))))

    assert sum(map(len, pieces)) == 5_000_000
    assert max(map(len, pieces)) <= 65536


@pytest.mark.parametrize("packed", [False, True])
def test_no_answer_is_read_beyond_a_bound(
    line: Line, monkeypatch: pytest.MonkeyPatch, *, packed: bool
) -> None:
    monkeypatch.setattr(transport, "_LARGEST_ANSWER", 1_000_000)
    large = bytes(5_000_000)
    answer = head(b"Content-Encoding: gzip") + gzip.compress(large) if packed else head() + large
    with speaking(saying(answer)) as url, pytest.raises(PlatformRefused, match="larger than any"):
        get(line, url)
