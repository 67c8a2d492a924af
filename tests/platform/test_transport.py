"""Direct and through a proxy, over real connections."""

from __future__ import annotations

import contextlib
import gzip
import socket
import ssl
import struct
import sys
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from manifest_uploader.errors import PlatformRefused
from manifest_uploader.platform import network
from manifest_uploader.platform import transport as transport_module
from manifest_uploader.platform.transport import (
    Broken,
    FailureKind,
    Proxies,
    Request,
    Transport,
    environment_proxies,
)
from manifest_uploader.sandbox.certificates import make_certificates
from tests.platform.servers import Reply, forwarding, pass_on, reply, scripted

MakeTransport = Callable[..., Transport]


@pytest.fixture(params=["direct", "proxied"])
def make_transport(request: pytest.FixtureRequest) -> Iterator[MakeTransport]:
    with contextlib.ExitStack() as stack:
        proxies: Proxies = {}
        if request.param == "proxied":
            proxies = {"all://": stack.enter_context(forwarding()).url}

        def make(stall_s: float = 5.0) -> Transport:
            context = ssl.create_default_context()
            made = Transport(context, connect_s=5.0, stall_s=stall_s, proxies=proxies)
            stack.callback(made.close)
            return made

        yield make


@pytest.fixture
def transport(make_transport: MakeTransport) -> Transport:
    return make_transport()


@pytest.fixture
def direct() -> Iterator[Transport]:
    made = Transport(ssl.create_default_context(), connect_s=5, stall_s=5)
    yield made
    made.close()


@contextlib.contextmanager
def speaking(speak: Callable[[socket.socket], None]) -> Iterator[str]:
    """A server that does as it is told with each connection, one after the other."""
    listening = socket.create_server(("127.0.0.1", 0))
    ending = threading.Event()

    def serve() -> None:
        while not ending.is_set():
            with contextlib.suppress(OSError), listening.accept()[0] as connection:
                speak(connection)

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


def wait_until(done: Callable[[], bool]) -> None:
    end = time.monotonic() + 10
    while not done():
        assert time.monotonic() < end
        time.sleep(0.002)


def connections_of(transport: Transport) -> list[socket.socket]:
    return list(transport._sockets._open)


def wait_until_ended(transport: Transport) -> None:
    """Wait until the end of every connection has come in."""
    wait_until(lambda: all(map(network.is_readable, connections_of(transport))))


def get(transport: Transport, url: str) -> transport_module.Reply:
    return transport.exchange(Request("GET", url, {"Accept-Encoding": "gzip"}))


def test_a_request_shows_no_secret() -> None:
    shown = repr(Request("PUT", "https://x/?X-Amz-Signature=feed", {"Authorization": "beef"}))

    assert shown == "Request(PUT)"


# ── what is sent ────────────────────────────────────────────────────────────────────────────


def test_slices_go_as_one_body(transport: Transport) -> None:
    slices = iter([b"abc", memoryview(b"def"), memoryview(bytearray(300_000))])
    with scripted() as server:
        headers = {"Content-Length": str(6 + 300_000)}
        transport.exchange(Request("PUT", f"{server.url}/part?x=1", headers, slices))

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
def test_an_address_is_asked_for_as_it_is_signed(
    transport: Transport, address: str, asked_for: str
) -> None:
    with scripted() as server:
        get(transport, server.url + address)

    assert [asked.path for asked in server.asked] == [asked_for]


@pytest.mark.parametrize("body", [b"{}", [b"{}"], [memoryview(b"{}")]])
def test_head_and_short_body_are_sent_at_once(
    transport: Transport, monkeypatch: pytest.MonkeyPatch, body: Any
) -> None:
    sent: list[bytes] = []
    real = network._Stream._send

    def send(stream: network._Stream, data: bytes) -> None:
        sent.append(bytes(data))
        real(stream, data)

    monkeypatch.setattr(network._Stream, "_send", send)
    with scripted() as server:
        for _ in range(2):
            transport.exchange(Request("POST", server.url, {"Content-Length": "2"}, body))

    assert [asked.body for asked in server.asked] == [b"{}"] * 2
    assert [data.endswith(b"\r\n\r\n{}") for data in sent] == [True] * 2


def test_a_head_comes_in_one_packet_with_a_short_body(transport: Transport) -> None:
    seen: list[bytes] = []

    def speak(connection: socket.socket) -> None:
        seen.append(connection.recv(65536))
        connection.sendall(REFUSAL)

    with speaking(speak) as url:
        transport.exchange(Request("POST", url, {"Content-Length": "2"}, b"{}"))

    assert seen[0].endswith(b"\r\n\r\n{}")


def test_servers_have_connections_of_their_own(transport: Transport) -> None:
    with scripted(reply(200, 1)) as one, scripted(reply(200, 2)) as other:
        said = [get(transport, server.url).content for server in (one, other, one, other)]

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


def test_a_connection_is_used_again(transport: Transport) -> None:
    connections: list[int] = []
    with speaking(counted(connections, 3)) as url:
        assert [get(transport, url).content for _ in range(3)] == [b"ok"] * 3

    assert len(connections) == 1


def test_a_connection_that_the_server_ended_is_not(transport: Transport) -> None:
    connections: list[int] = []
    with speaking(counted(connections, 1)) as url:
        for _ in range(3):
            assert get(transport, url).content == b"ok"
            wait_until_ended(transport)

    assert len(connections) == 3


def test_an_old_connection_is_not(
    make_transport: MakeTransport, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport_module, "KEEP_ALIVE_S", -1.0)
    transport = make_transport()
    connections: list[int] = []
    with speaking(counted(connections, 3)) as url:
        assert [get(transport, url).content for _ in range(2)] == [b"ok"] * 2
        transport.close()

    assert len(connections) == 2


def test_a_connection_that_is_asked_to_end_is_not(transport: Transport) -> None:
    with scripted(reply(200, 1, Connection="close")) as server:
        assert [get(transport, server.url).content for _ in range(3)] == [b"1"] * 3


def test_what_comes_unasked_is_taken_for_no_answer(transport: Transport) -> None:
    said = [b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", b"HTTP/1.1 200 OK\r\n\r\nforged"]
    with speaking(saying(*said)) as url:
        for _ in range(2):
            assert get(transport, url).content == b"ok"
            wait_until_ended(transport)


# ── a server that does not take it all ──────────────────────────────────────────────────────

REFUSAL = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 7\r\nConnection: close\r\n\r\nexpired"


def endless(pieces: list[int]) -> Iterator[bytes]:
    for number in range(256):
        pieces.append(number)
        yield bytes(2**18)


def test_an_answer_that_comes_before_the_body_is_through_is_read(transport: Transport) -> None:
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
            got = transport.exchange(Request("PUT", url, headers, endless(taken)))
            assert (got.status, got.content) == (403, b"expired")
        except Broken as broken:  # elsewhere the reset may overtake the answer
            assert (broken.kind, sys.platform) != (FailureKind.CUT, "linux")  # noqa: PT017

    assert answered.is_set()
    assert len(taken) < 256


def test_a_line_that_is_closed_meanwhile_sends_the_rest_nowhere(transport: Transport) -> None:
    seen: list[bytes] = []

    def speak(connection: socket.socket) -> None:
        while piece := connection.recv(65536):
            seen.append(piece)

    def body() -> Iterator[bytes]:
        yield b"first"
        transport.close()
        yield b"second"

    with speaking(speak) as url, pytest.raises((Broken, RuntimeError)):
        transport.exchange(Request("PUT", url, {"Content-Length": "11"}, body()))

    assert not [piece for piece in seen if b"second" in piece]
    assert transport.is_closed


def test_behind_half_a_body_goes_nothing_more(
    transport: Transport, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = network._Stream._send

    def send(stream: network._Stream, data: bytes) -> None:
        real(stream, data.removesuffix(b"def"))
        if data.endswith(b"def"):
            raise BrokenPipeError

    monkeypatch.setattr(network._Stream, "_send", send)
    connections: list[int] = []
    with speaking(counted(connections, 2)) as url:
        for _ in range(2):
            transport.exchange(Request("PUT", url, {"Content-Length": "6"}, iter([b"abcdef"])))
        transport.close()

    assert len(connections) == 2


def test_an_error_of_the_body_is_the_callers(transport: Transport) -> None:
    def body() -> Iterator[bytes]:
        yield b"abc"
        raise OSError("the file is gone")

    with scripted() as server:
        with pytest.raises(OSError, match="the file is gone"):
            transport.exchange(Request("PUT", server.url, {"Content-Length": "6"}, body()))

        assert get(transport, server.url).status == 200


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
def test_an_answer_that_is_none_is_told(transport: Transport, speak: Any) -> None:
    with speaking(speak) as url, pytest.raises(Broken) as caught:
        get(transport, url)

    assert caught.value.kind is FailureKind.CUT


@contextlib.contextmanager
def silent() -> Iterator[str]:
    """A server that takes a connection and does nothing with it."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


def test_silence_is_told(make_transport: MakeTransport) -> None:
    with silent() as url, pytest.raises(Broken) as caught:
        get(make_transport(stall_s=0.05), url)

    assert caught.value.kind is FailureKind.SILENT


def test_a_server_that_takes_nothing_more_is_told(make_transport: MakeTransport) -> None:
    headers = {"Content-Length": str(256 * 2**18)}
    with silent() as url, pytest.raises(Broken) as caught:
        make_transport(stall_s=0.05).exchange(Request("PUT", url, headers, endless([])))

    assert caught.value.kind is FailureKind.SILENT


def test_a_connection_may_take_its_time_otherwise_than_its_beginning(
    make_transport: MakeTransport,
) -> None:
    transport = make_transport(stall_s=60)
    with scripted() as server:
        get(transport, server.url)

        [kept] = connections_of(transport)
        assert kept.gettimeout() == 60


@pytest.mark.parametrize("host", ["127.0.0.1:9", "nobody.invalid", f"{'x' * 64}.invalid", "☃☃.é-"])
def test_a_server_that_is_not_there_is_told(direct: Transport, host: str) -> None:
    with pytest.raises(Broken) as caught:
        get(direct, f"http://{host}/")

    assert caught.value.kind is FailureKind.UNREACHABLE


# ── what is read ────────────────────────────────────────────────────────────────────────────


def head(*more: bytes) -> bytes:
    return b"\r\n".join([b"HTTP/1.1 200 OK", *more, b"\r\n"])


def test_chunks_are_put_together(transport: Transport) -> None:
    answer = head(b"Transfer-Encoding: chunked") + b"2\r\nab\r\n3\r\ncde\r\n0\r\n\r\n"
    with speaking(saying(answer)) as url:
        assert get(transport, url).content == b"abcde"


def test_an_answer_without_length_ends_with_the_connection(transport: Transport) -> None:
    with speaking(saying(head() + b"abc", b"def")) as url:
        assert [get(transport, url).content for _ in range(2)] == [b"abcdef"] * 2


def test_an_answer_without_content_keeps_the_connection(transport: Transport) -> None:
    with scripted(Reply(204, b""), reply(200, 1)) as server:
        assert get(transport, server.url).status == 204
        assert get(transport, server.url).content == b"1"


@pytest.mark.parametrize("length", [0, 1, 200_000])
def test_packed_answers_are_unpacked(transport: Transport, length: int) -> None:
    packed = gzip.compress(bytes(length))
    answer = head(b"Content-Encoding: GZIP", b"Content-Length: %d" % len(packed)) + packed
    with speaking(saying(answer)) as url:
        assert get(transport, url).content == bytes(length)


def test_names_of_headers_come_in_lower_case(transport: Transport) -> None:
    with speaking(saying(head(b"ETag: x", b"Content-Length: 0"))) as url:
        assert get(transport, url).headers["etag"] == "x"


@pytest.mark.parametrize("encoding", [b"gzip", b"deflate"])
def test_packed_answers_are_unpacked_in_small_pieces(encoding: bytes) -> None:
    pack = gzip.compress if encoding == b"gzip" else zlib.compress
    packed = httpx.ByteStream(pack(bytes(5_000_000)))
    response = httpx.Response(200, headers=[(b"Content-Encoding", encoding)], stream=packed)
    pieces = list(transport_module._unpacked(response))

    assert sum(map(len, pieces)) == 5_000_000
    assert max(map(len, pieces)) <= 65536


@pytest.mark.parametrize("packed", [False, True])
def test_no_answer_is_read_beyond_a_bound(
    transport: Transport, monkeypatch: pytest.MonkeyPatch, *, packed: bool
) -> None:
    monkeypatch.setattr(transport_module, "_LARGEST_ANSWER", 1_000_000)
    large = bytes(5_000_000)
    answer = head(b"Content-Encoding: gzip") + gzip.compress(large) if packed else head() + large
    with speaking(saying(answer)) as url, pytest.raises(PlatformRefused, match="larger than any"):
        get(transport, url)


# ── closing wakes whoever waits ─────────────────────────────────────────────────────────────


@pytest.fixture
def patient() -> Iterator[Callable[..., Transport]]:
    """Transports that wait for longer than a test does: only closing ends their waits."""
    with contextlib.ExitStack() as stack:

        def make(context: ssl.SSLContext | None = None, **proxies: str) -> Transport:
            made = Transport(
                context or ssl.create_default_context(),
                connect_s=20,
                stall_s=20,
                proxies={f"{scheme}://": proxy for scheme, proxy in proxies.items()},
            )
            stack.callback(made.close)
            return made

        yield make


def kind_of_failure_when_closed(
    transport: Transport, request: Request, waits: Callable[[], bool]
) -> FailureKind:
    """How an exchange fails when another thread closes the transport as soon as it waits."""
    failures: list[FailureKind] = []

    def exchange() -> None:
        with pytest.raises(Broken) as caught:
            transport.exchange(request)
        failures.append(caught.value.kind)

    thread = threading.Thread(target=exchange, daemon=True)
    thread.start()
    wait_until(waits)
    time.sleep(0.05)  # from there it is a few instructions to the wait itself
    transport.close()
    thread.join(10)

    assert not thread.is_alive()
    assert connections_of(transport) == []
    [failure] = failures
    return failure


@contextlib.contextmanager
def falling_silent(*answer: bytes) -> Iterator[tuple[str, threading.Event]]:
    """A server that says this to the first bytes that come; the event: it says no more."""
    fell_silent = threading.Event()

    def speak(connection: socket.socket) -> None:
        connection.recv(65536)
        for piece in answer:
            connection.sendall(piece)
        fell_silent.set()
        while connection.recv(65536):
            pass

    with speaking(speak) as url:
        yield url, fell_silent


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize(
    "answer", [(), (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n1234",)], ids=["head", "body"]
)
def test_closing_wakes_a_thread_that_reads(
    patient: Callable[..., Transport],
    certified: tuple[ssl.SSLContext, ssl.SSLContext],
    answer: tuple[bytes, ...],
    scheme: str,
) -> None:
    server_context, context = certified
    with falling_silent(*answer) as (url, silent), contextlib.ExitStack() as stack:
        secure = stack.enter_context(tls_before(url, server_context))
        request = Request("GET", secure if scheme == "https" else url, {})
        failure = kind_of_failure_when_closed(patient(context), request, silent.is_set)

    assert failure is FailureKind.CUT


def test_closing_wakes_a_thread_that_sends(patient: Callable[..., Transport]) -> None:
    taken: list[int] = []
    headers = {"Content-Length": str(256 * 2**18)}
    with silent() as url:
        request = Request("PUT", url, headers, endless(taken))

        def waits() -> bool:
            before = len(taken)
            time.sleep(0.1)
            return 0 < before == len(taken)

        failure = kind_of_failure_when_closed(patient(), request, waits)

    assert failure is FailureKind.CUT
    assert len(taken) < 256


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a full queue refuses")
def test_closing_wakes_a_thread_that_connects(patient: Callable[..., Transport]) -> None:
    transport = patient()
    with contextlib.ExitStack() as stack:
        listening = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(3):
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(listening.getsockname())
        request = Request("GET", f"http://127.0.0.1:{listening.getsockname()[1]}/", {})
        failure = kind_of_failure_when_closed(
            transport, request, lambda: bool(connections_of(transport))
        )

    assert failure is FailureKind.UNREACHABLE


@pytest.mark.parametrize("trusting", ["openssl", "truststore"])
def test_closing_wakes_a_thread_that_shakes_hands(
    patient: Callable[..., Transport], trusting: str
) -> None:
    context = None
    if trusting == "truststore":
        import truststore

        context = truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    with falling_silent() as (url, silent):
        request = Request("GET", url.replace("http", "https"), {})
        failure = kind_of_failure_when_closed(patient(context), request, silent.is_set)

    assert failure is FailureKind.UNREACHABLE


def test_closing_wakes_a_thread_that_waits_for_its_proxy(
    patient: Callable[..., Transport],
) -> None:
    with falling_silent() as (url, silent):
        transport = patient(https=url)
        request = Request("GET", "https://platform.invalid/", {})
        failure = kind_of_failure_when_closed(transport, request, silent.is_set)

    assert failure is FailureKind.CUT


def test_closing_wakes_a_thread_that_shakes_hands_through_its_proxy(
    patient: Callable[..., Transport],
) -> None:
    with falling_silent(b"HTTP/1.1 200 OK\r\n\r\n") as (url, silent):
        transport = patient(https=url)
        request = Request("GET", "https://platform.invalid/", {})
        failure = kind_of_failure_when_closed(transport, request, silent.is_set)

    assert failure is FailureKind.UNREACHABLE


def test_a_closed_transport_sends_nothing(transport: Transport) -> None:
    with scripted() as server:
        get(transport, server.url)
        transport.close()
        with pytest.raises(Broken) as caught:
            get(transport, server.url)

    assert caught.value.kind is FailureKind.UNREACHABLE
    assert len(server.asked) == 1


# ── TLS and proxies ─────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def certified(
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """TLS for a server on this machine, and for a client that trusts it."""
    folder = tmp_path_factory.mktemp("tls")
    make_certificates(folder, "127.0.0.1")
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(folder / "server.pem")
    server.set_alpn_protocols(["h2", "http/1.1"])
    return server, ssl.create_default_context(cafile=str(folder / "ca.pem"))


@contextlib.contextmanager
def tls_before(url: str, context: ssl.SSLContext) -> Iterator[str]:
    """TLS in front of a server without."""
    port = int(url.rpartition(":")[2])

    def speak(connection: socket.socket) -> None:
        with (
            context.wrap_socket(connection, server_side=True) as secured,
            socket.create_connection(("127.0.0.1", port)) as server,
        ):
            back = threading.Thread(target=pass_on, args=(server, secured), daemon=True)
            back.start()
            pass_on(secured, server)
            back.join()

    with speaking(speak) as secure:
        yield secure.replace("http", "https")


@pytest.mark.parametrize("proxy", ["none", "http", "https"])
def test_tls_goes_to_the_server_itself(
    patient: Callable[..., Transport],
    certified: tuple[ssl.SSLContext, ssl.SSLContext],
    proxy: str,
) -> None:
    server_context, context = certified
    body = bytes(1_000_000)
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(scripted(reply(200, "x" * 200_000)))
        url = stack.enter_context(tls_before(server.url, server_context))
        between = stack.enter_context(forwarding())
        proxies = {"http": between.url, "https": between.url}
        if proxy == "https":
            proxies["https"] = stack.enter_context(tls_before(between.url, server_context))
        transport = patient(context, **({} if proxy == "none" else proxies))
        for _ in range(2):
            slices = iter([body[: 2**18], memoryview(body)[2**18 :]])
            headers = {"Content-Length": str(len(body))}
            got = transport.exchange(Request("PUT", f"{url}/part", headers, slices))
            assert (got.status, len(got.content)) == (200, 200_002)
        transport.close()

    assert [(asked.path, asked.body) for asked in server.asked] == [("/part", body)] * 2
    assert between.targets == ([] if proxy == "none" else [url.removeprefix("https://")])


def test_a_certificate_is_checked_through_a_proxy_too(
    patient: Callable[..., Transport], certified: tuple[ssl.SSLContext, ssl.SSLContext]
) -> None:
    server_context, _ = certified
    with (
        scripted() as server,
        tls_before(server.url, server_context) as url,
        forwarding() as proxy,
        pytest.raises(Broken) as caught,
    ):
        get(patient(https=proxy.url), url)

    assert isinstance(caught.value.cause, ssl.SSLCertVerificationError)
    assert server.asked == []


@pytest.mark.parametrize(
    ("environment", "proxies"),
    [
        ({}, {}),
        ({"NO_PROXY": "example.org"}, {}),
        ({"HTTPS_PROXY": "http://p:1"}, {"https://": "http://p:1"}),
        ({"https_proxy": "p:1"}, {"https://": "http://p:1"}),
        (
            {"ALL_PROXY": "http://p:1", "NO_PROXY": "example.org, 10.1.2.3"},
            {"all://": "http://p:1", "all://*example.org": None, "all://10.1.2.3": None},
        ),
        ({"HTTPS_PROXY": "http://p:1", "NO_PROXY": "*"}, {}),
    ],
)
def test_the_environment_names_proxies(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], proxies: Proxies
) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    assert environment_proxies() == proxies


def test_no_proxy_names_what_is_reached_directly() -> None:
    with forwarding() as proxy, scripted() as server:
        proxies = {"all://": proxy.url, "all://127.0.0.1": None}
        transport = Transport(ssl.create_default_context(), connect_s=5, stall_s=5, proxies=proxies)
        get(transport, server.url)
        get(transport, f"http://platform.invalid:{server.port}")
        transport.close()

    assert proxy.targets == [f"platform.invalid:{server.port}"]
    assert len(server.asked) == 2


def test_what_was_written_is_sent_before_an_answer_is_waited_for() -> None:
    """A SOCKS proxy is greeted so: one write, then a read."""
    ours, theirs = socket.socketpair()
    sockets = network.Sockets()
    sockets.add(ours)
    stream = network._Stream(ours, sockets)
    theirs.sendall(b"well met")

    stream.write(b"hello")
    answer = stream.read(100, timeout=5)

    theirs.settimeout(5)
    assert (answer, theirs.recv(100)) == (b"well met", b"hello")
    stream.close()
    theirs.close()


def test_a_redirect_to_what_is_no_address_is_an_answer_cut_off() -> None:
    """Behind a proxy, httpx looks at redirects, although none is followed."""
    strange = Reply(302, b"", {"Location": "http://xn--\xff/"})
    with forwarding() as proxy, scripted(strange) as server:
        line = Transport(
            ssl.create_default_context(), connect_s=5, stall_s=5, proxies={"all://": proxy.url}
        )
        with contextlib.closing(line), pytest.raises(Broken):
            line.exchange(Request("GET", server.url, {}))
