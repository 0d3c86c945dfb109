"""What only real sockets can show: that a POST arrives once or not at all, that everything ends, that the key stays."""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from threading import Event
from typing import Any

import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from generation.providers.errors import Ambiguous, NotSent, ProviderError, Unavailable
from generation.providers.wavespeed import WaveSpeed
from tests.generation.providers import loopback
from tests.generation.providers.cases import ID, envelope, prediction
from tests.generation.providers.conftest import KEY
from tests.generation.providers.loopback import PATIENCE, Behaviour, Loopback

MODEL = "lightricks/ltx-2-pro/text-to-video"
INPUTS = {"prompt": "a cat"}


def client_of(url: str, **times: float) -> WaveSpeed:
    return WaveSpeed(url=url, key=KEY, **{"connect_timeout": 2, "read_timeout": 0.5, **times})


@contextmanager
def bounded_by(seconds: float) -> Iterator[None]:
    start = time.monotonic()
    yield
    assert time.monotonic() - start < seconds


def test_the_loopback_itself_answers() -> None:
    with Loopback(loopback.answers(200, envelope(prediction()))) as server:
        assert client_of(server.url).submit(MODEL, INPUTS).id == ID
    (request,) = server.requests
    assert (request.method, request.path, request.body) == ("POST", f"/api/v3/{MODEL}", b'{"prompt": "a cat"}')


UNKNOWN: list[Any] = [
    pytest.param(loopback.hangs_up, id="hangs up after reading"),
    pytest.param(loopback.says_nothing, id="says nothing"),
    pytest.param(loopback.cuts(200), id="hangs up in the middle of the body"),
    pytest.param(loopback.cuts(400), id="hangs up in the middle of a refusal"),
    pytest.param(loopback.floods, id="answers without an end"),
    pytest.param(loopback.drips(loopback.head(200, 10**6)), id="drips the body"),
    pytest.param(loopback.drips(b"HTTP/1.1 200"), id="drips the status line"),
    pytest.param(loopback.drips(b"HTTP/1.1 200 OK\r\nX-Slow: "), id="drips a header"),
    pytest.param(loopback.drips(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1"), id="continues and drips"),
    pytest.param(loopback.answers(307, "", "Location: /api/v3/elsewhere"), id="redirects"),
    pytest.param(loopback.answers(200, "not gzip", "Content-Encoding: gzip"), id="lies about the encoding"),
    pytest.param(loopback.answers(503, "", "Retry-After: 0"), id="invites to try again"),
]


@pytest.mark.parametrize("behaviour", UNKNOWN)
def test_a_submit_that_ends_in_doubt_arrives_exactly_once(behaviour: Behaviour) -> None:
    with Loopback(behaviour) as server:
        client = client_of(server.url)
        with bounded_by(client.submit_bound), pytest.raises(Ambiguous):
            client.submit(MODEL, INPUTS)
    assert [request.method for request in server.requests] == ["POST"]
    assert server.connections == 1


@pytest.mark.parametrize("behaviour", UNKNOWN)
@pytest.mark.parametrize(
    "ask", [lambda client: client.predictions(), lambda client: client.price("a/b", {}), lambda c: c.delete([ID])]
)
def test_a_question_by_post_arrives_exactly_once(ask: Callable[[WaveSpeed], object], behaviour: Behaviour) -> None:
    with Loopback(behaviour) as server, pytest.raises(Unavailable):
        ask(client_of(server.url, read_timeout=0.2))
    assert [request.method for request in server.requests] == ["POST"]


def test_a_drip_slower_than_each_read_is_bounded_as_a_whole() -> None:
    # The control: plain requests, with the same time-out, is held for as long as the server likes.
    with Loopback(loopback.drips(loopback.head(200, 10**6))) as server:
        with requests.get(server.url, timeout=(2, 0.5), stream=True) as answer, bounded_by(PATIENCE):
            start = time.monotonic()
            while time.monotonic() - start < 1:
                assert answer.raw.read(1)
        with bounded_by(PATIENCE / 2), pytest.raises(Ambiguous):
            client_of(server.url).submit(MODEL, INPUTS)


def test_an_answer_above_the_limit_is_not_read_to_its_end() -> None:
    content = envelope(prediction(error="x" * (1 << 20)))
    with Loopback(loopback.answers(200, content)) as server, pytest.raises(Ambiguous):
        client_of(server.url, read_timeout=PATIENCE).submit(MODEL, INPUTS)
    assert len(server.requests) == 1


def test_a_kept_open_connection_is_not_used_again() -> None:
    with Loopback(loopback.keeps_open(envelope(prediction()))) as server:
        client = client_of(server.url)
        client.submit(MODEL, INPUTS)
        client.submit(MODEL, INPUTS)
    assert server.connections == 2
    assert [request.headers["connection"] for request in server.requests] == ["close", "close"]


def test_a_kept_open_connection_would_leave_a_submit_in_doubt() -> None:
    # The control: one session for two POSTs; the second dies on a connection that the server has given up.
    with Loopback(loopback.keeps_open(envelope(prediction()))) as server, requests.Session() as session:
        session.post(server.url, json={}, timeout=PATIENCE)
        with pytest.raises(requests.ConnectionError):
            session.post(server.url, json={}, timeout=PATIENCE)
    assert server.connections == 1


def test_a_redirect_to_another_host_never_sees_the_key() -> None:
    with Loopback(loopback.answers(200, envelope(prediction()))) as thief:
        for status in (301, 302, 303, 307, 308):
            with Loopback(loopback.answers(status, "", f"Location: {thief.url}/api/v3/{MODEL}")) as server:
                with pytest.raises(Ambiguous):
                    client_of(server.url).submit(MODEL, INPUTS)
                with pytest.raises(Unavailable):
                    client_of(server.url).predictions()
            assert len(server.requests) == 2
    assert thief.connections == 0


def test_the_environment_neither_replaces_the_key_nor_sees_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login thief password thief\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    with (
        Loopback(loopback.answers(502, "")) as proxy,
        Loopback(loopback.answers(200, envelope(prediction()))) as server,
    ):
        monkeypatch.setenv("http_proxy", proxy.url)
        monkeypatch.setenv("ALL_PROXY", proxy.url)
        monkeypatch.delenv("no_proxy", raising=False)
        monkeypatch.delenv("NO_PROXY", raising=False)
        client_of(server.url).submit(MODEL, INPUTS)
    assert proxy.connections == 0
    assert server.requests[0].headers["authorization"] == f"Bearer {KEY}"


# What surely was not sent.


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def test_a_refused_connection_is_not_sent() -> None:
    with pytest.raises(NotSent):
        client_of(f"http://127.0.0.1:{free_port()}").submit(MODEL, INPUTS)


def test_a_name_that_nobody_knows_is_not_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object, **__: object) -> object:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(NotSent):
        client_of("http://nobody.invalid").submit(MODEL, INPUTS)


def test_a_look_up_that_hangs_is_not_sent_and_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    done = Event()

    def hang(*_: object, **__: object) -> object:
        done.wait(PATIENCE)
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure")

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    with bounded_by(PATIENCE / 2), pytest.raises(NotSent):
        client_of("http://slow.invalid", connect_timeout=0.2).submit(MODEL, INPUTS)
    done.set()


@contextmanager
def full_backlog() -> Iterator[int]:
    """A port that neither accepts nor refuses."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(0)
        waiting = [socket.socket() for _ in range(8)]
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(server.getsockname())
        yield server.getsockname()[1]
        for one in waiting:
            one.close()


def test_a_connect_time_out_is_not_sent_and_ends() -> None:
    with full_backlog() as port, bounded_by(PATIENCE / 2), pytest.raises(NotSent):
        client_of(f"http://127.0.0.1:{port}", connect_timeout=0.2).submit(MODEL, INPUTS)


def test_many_dead_addresses_share_one_connect_time_out(monkeypatch: pytest.MonkeyPatch) -> None:
    real = socket.getaddrinfo

    def many(host: str, port: int, *args: Any, **kwargs: Any) -> Any:
        names = [f"127.0.0.{last}" for last in range(1, 9)] if host == "many.invalid" else [host]
        return [found for name in names for found in real(name, port, *args, **kwargs)]

    monkeypatch.setattr(socket, "getaddrinfo", many)
    with socket.socket() as server:
        server.bind(("0.0.0.0", 0))
        server.listen(0)
        waiting = [socket.socket() for _ in range(8)]
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(("127.0.0.1", server.getsockname()[1]))
        with bounded_by(PATIENCE / 2), pytest.raises(NotSent):
            client_of(f"http://many.invalid:{server.getsockname()[1]}", connect_timeout=1).submit(MODEL, INPUTS)
        for one in waiting:
            one.close()


def test_a_dead_address_leaves_time_for_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    real = socket.getaddrinfo

    def two(host: str, port: int, *args: Any, **kwargs: Any) -> Any:
        names = ["127.0.0.9", "127.0.0.1"] if host == "two.invalid" else [host]
        return [found for name in names for found in real(name, port, *args, **kwargs)]

    monkeypatch.setattr(socket, "getaddrinfo", two)
    with Loopback(loopback.answers(200, envelope(prediction()))) as server:  # on 127.0.0.1 only
        assert client_of(f"http://two.invalid:{server.port}").submit(MODEL, INPUTS).id == ID


def test_a_server_without_tls_gets_no_byte_of_a_request() -> None:
    with Loopback(loopback.answers(200, "")) as server, pytest.raises(NotSent):
        client_of(server.url.replace("http:", "https:")).submit(MODEL, INPUTS)
    assert server.requests == []


def test_a_tls_handshake_that_hangs_is_not_sent_and_ends() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent, bounded_by(PATIENCE / 2), pytest.raises(NotSent):
        client_of(f"https://127.0.0.1:{silent.getsockname()[1]}", connect_timeout=0.2).submit(MODEL, INPUTS)


# The same through TLS.


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "loopback")])
    now = datetime.now(UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "certificate.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(built.public_bytes(serialization.Encoding.PEM) + private)
    return path


class TLSLoopback(Loopback):
    def __init__(self, behaviour: Behaviour, certificate: Path) -> None:
        super().__init__(behaviour)
        self.url = self.url.replace("http:", "https:")
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(certificate)

    def _serve(self, connection: socket.socket) -> None:
        with connection:
            connection.settimeout(PATIENCE)
            with suppress(OSError):
                super()._serve(self._context.wrap_socket(connection, server_side=True))


@pytest.fixture
def trusted(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("requests.adapters.DEFAULT_CA_BUNDLE_PATH", str(certificate))
    return certificate


def test_tls_brings_an_answer(trusted: Path) -> None:
    with TLSLoopback(loopback.answers(200, envelope(prediction(error="x" * 200_000))), trusted) as server:
        assert client_of(server.url, read_timeout=PATIENCE).submit(MODEL, INPUTS).id == ID
    assert len(server.requests) == 1


@pytest.mark.parametrize("behaviour", UNKNOWN)
def test_tls_leaves_a_submit_in_doubt_just_so(behaviour: Behaviour, trusted: Path) -> None:
    with TLSLoopback(behaviour, trusted) as server:
        client = client_of(server.url)
        with bounded_by(client.submit_bound), pytest.raises(Ambiguous):
            client.submit(MODEL, INPUTS)
    assert len(server.requests) == 1


def test_a_certificate_that_nobody_signed_gets_no_byte_of_a_request(certificate: Path) -> None:
    with TLSLoopback(loopback.answers(200, ""), certificate) as server, pytest.raises(ProviderError) as caught:
        client_of(server.url).submit(MODEL, INPUTS)
    assert type(caught.value) is NotSent
    assert server.requests == []


@pytest.mark.parametrize(("connect", "read", "least"), [(5, 30, 35), (0.5, 2, 2.5)])
def test_the_bound_covers_connecting_and_answer(connect: float, read: float, least: float) -> None:
    assert client_of("https://a", connect_timeout=connect, read_timeout=read).submit_bound > least
