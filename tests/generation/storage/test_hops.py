"""Where an output is fetched from: each hop looked up once, checked, pinned and verified."""

import socket
import uuid
from threading import Event

import pytest
import requests

from generation import storage
from generation.storage.addresses import is_public
from tests.generation.providers.loopback import PATIENCE, Loopback
from tests.generation.storage.servers import Internet, TLSLoopback, delivers, redirects, sends

PUBLIC = "93.184.216.34"
OTHER = "151.101.1.69"


@pytest.fixture(autouse=True)
def _no_sandbox(settings):
    settings.SANDBOX = False


def keep(url: str) -> storage.StoredVideo:
    return storage.keep(uuid.UUID(int=7), url)


INSIDE = [
    "https://127.0.0.1/v",
    "https://0x7f000001/v",
    "https://2130706433/v",
    "https://017700000001/v",
    "https://127.1/v",
    "https://0/v",
    "https://localhost/v",
    "https://[::1]/v",
    "https://[::]/v",
    "https://[::ffff:127.0.0.1]/v",
    "https://[64:ff9b::7f00:1]/v",
    "https://169.254.169.254/latest/meta-data",
    "https://[fd00:ec2::254]/latest/meta-data",
    "https://10.0.0.1:8443/v",
    "https://inside.example/v",
    "https://partly-inside.example/v",
    "https://a:b@outputs.example/v",
    "http://outputs.example/v",
    "http://127.0.0.1/v",
    "file:///etc/passwd",
    "//127.0.0.1/v",
    "https://[",
]


@pytest.fixture
def names(internet):
    """Knows a name for a private address, and one that has such an address among others."""
    internet.names |= {"inside.example": [["10.0.0.1"]], "partly-inside.example": [[PUBLIC, "127.0.0.1"]]}
    return internet


@pytest.mark.parametrize("url", INSIDE)
def test_what_is_not_public_is_no_video_and_never_dialled(names, url):
    with pytest.raises(storage.NotAVideo):
        keep(url)

    assert names.dialled == []


@pytest.mark.parametrize("url", INSIDE)
def test_nor_is_a_redirect_to_it(names, certificate, url):
    with TLSLoopback(redirects(url), certificate) as server, pytest.raises(storage.NotAVideo):
        keep(names.host("outputs.example", PUBLIC, server) + "/v")

    assert len(server.requests) == 1
    assert names.dialled == [PUBLIC]


def test_a_name_that_changes_its_mind_is_asked_once_and_taken_at_its_word(internet, certificate, video):
    with (
        TLSLoopback(delivers(video), certificate) as server,
        TLSLoopback(delivers(b"secret"), certificate) as inside,
    ):
        internet.host("rebinding.example", PUBLIC, server)
        internet.names["rebinding.example"] = [[PUBLIC], ["127.0.0.1"]]
        keep(f"https://rebinding.example:{inside.port}/v")

    assert internet.looked_up.count("rebinding.example") == 1
    assert internet.dialled == [PUBLIC]
    assert inside.connections == 0


def test_a_check_before_the_request_would_have_let_it_in(internet):
    # The control: look up, check, and let the library look up again.
    with Loopback(delivers(b"secret")) as inside:
        internet.names["rebinding.example"] = [[PUBLIC], ["127.0.0.1"]]
        assert all(is_public(found[4][0]) for found in socket.getaddrinfo("rebinding.example", 443))
        answer = requests.get(f"http://rebinding.example:{inside.port}/v", timeout=PATIENCE)

    assert answer.content == b"secret"


def test_the_name_is_verified_and_asked_for_though_an_address_is_dialled(internet, certificate, video):
    with TLSLoopback(delivers(video), certificate) as server:
        keep(internet.host("outputs.example", PUBLIC, server) + ":8443/a/v.mp4?signature=1%2F2")

    (request,) = server.requests
    assert server.names == ["outputs.example"]
    assert request.path == "/a/v.mp4?signature=1%2F2"
    assert request.headers["host"] == "outputs.example:8443"


def test_a_certificate_of_another_name_gets_no_byte_of_a_request(internet, certificate, video):
    with TLSLoopback(delivers(video), certificate) as server, pytest.raises(storage.Interrupted):
        keep(internet.host("stranger.example", PUBLIC, server) + "/v")

    assert server.requests == []


def test_an_address_without_a_name_needs_a_certificate_of_its_own(internet, certificate, video):
    with TLSLoopback(delivers(video), certificate) as server:
        internet.machines[PUBLIC] = server.port
        with pytest.raises(storage.Interrupted):
            keep(f"https://{PUBLIC}/v")

    assert internet.dialled == [PUBLIC]
    assert server.requests == []


def test_a_dead_address_leaves_the_others(internet, certificate, video):
    with TLSLoopback(delivers(video), certificate) as server:
        url = internet.host("outputs.example", PUBLIC, server)
        internet.names["outputs.example"] = [[OTHER, "2606:4700::1111", PUBLIC]]
        keep(f"{url}/v")

    assert internet.dialled == [OTHER, "2606:4700::1111", PUBLIC]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_followed_to_a_host_that_is_checked_as_well(internet, certificate, video, status):
    with TLSLoopback(delivers(video), certificate) as target:
        moved = internet.host("moved.example", OTHER, target)
        with TLSLoopback(redirects(f"{moved}/b", status), certificate) as server:
            keep(internet.host("outputs.example", PUBLIC, server) + "/a")

    assert internet.dialled == [PUBLIC, OTHER]
    assert [request.headers["host"] for request in target.requests] == ["moved.example"]


def test_a_redirect_within_the_host_is_looked_up_and_checked_again(internet, certificate):
    with TLSLoopback(redirects("/b"), certificate) as server:
        url = internet.host("outputs.example", PUBLIC, server)
        internet.names["outputs.example"] = [[PUBLIC], ["127.0.0.1"]]
        with pytest.raises(storage.NotAVideo):
            keep(f"{url}/a")

    assert internet.dialled == [PUBLIC]


def hops(internet: Internet, certificate, video: bytes, count: int) -> None:
    """Keep a video behind so many redirects."""

    def hop(server, connection):
        number = int(server.requests[-1].path.removeprefix("/"))
        behave = redirects(f"https://{number}.hops.example/{number - 1}") if number else delivers(video)
        behave(server, connection)

    with TLSLoopback(hop, certificate) as server:
        for number in range(count + 1):
            internet.host(f"{number}.hops.example", PUBLIC, server)
        keep(f"https://0.hops.example/{count}")


def test_five_redirects_are_followed(internet, certificate, video):
    hops(internet, certificate, video, 5)

    asked = [name for name in internet.looked_up if name.endswith(".hops.example")]
    assert asked == [f"{number}.hops.example" for number in (0, 5, 4, 3, 2, 1)]


def test_six_are_not(internet, certificate, video):
    with pytest.raises(storage.Interrupted, match="more than 5 redirects"):
        hops(internet, certificate, video, 6)


def test_a_redirect_to_nowhere_may_be_tried_again(internet, certificate):
    with TLSLoopback(sends(302, b"", "Content-Length: 0"), certificate) as server, pytest.raises(storage.Interrupted):
        keep(internet.host("outputs.example", PUBLIC, server) + "/a")


def test_a_name_that_does_not_resolve_just_now_may_be_tried_again(internet):
    with pytest.raises(storage.Interrupted):
        keep("https://outputs.example/v")


def test_a_host_that_can_not_be_a_name_is_no_video(internet, monkeypatch):
    def too_long(*_: object, **__: object) -> None:
        raise UnicodeError("label empty or too long")

    monkeypatch.setattr("socket.getaddrinfo", too_long)
    with pytest.raises(storage.NotAVideo):
        keep("https://outputs.example/v")


def test_a_look_up_that_hangs_is_ended(internet, monkeypatch, settings):
    settings.DOWNLOAD_TIME_LIMIT = 0.2
    done = Event()
    monkeypatch.setattr("socket.getaddrinfo", lambda *_, **__: done.wait(PATIENCE) and [])
    with pytest.raises(storage.Interrupted, match=r"longer than 0\.2 s"):
        keep("https://outputs.example/v")
    done.set()


def test_nothing_is_sent_along(internet, certificate, video, monkeypatch, tmp_path):
    (tmp_path / "netrc").write_text("default login thief password thief\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    for name in ("http_proxy", "https_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    with TLSLoopback(delivers(video), certificate) as target:
        moved = internet.host("moved.example", OTHER, target)
        with TLSLoopback(redirects(moved, 307), certificate) as server:
            keep(internet.host("outputs.example", PUBLIC, server) + "/a")

    for request in (*server.requests, *target.requests):
        assert set(request.headers) == {"host", "accept-encoding", "user-agent", "connection"}
        assert request.headers["accept-encoding"] == "identity"


# --- The sandbox's own origin -----------------------------------------------------------------------------------------


@pytest.fixture
def sandboxed(settings):
    """Says that a server is the sandbox."""

    def say(server: Loopback) -> str:
        settings.SANDBOX, settings.WAVESPEED_URL = True, f"{server.url}/"
        return server.url

    return say


def test_in_sandbox_mode_its_own_origin_is_fetched(sandboxed, video):
    with Loopback(delivers(video)) as server:
        assert keep(f"{sandboxed(server)}/v").size_bytes == len(video)


def test_without_sandbox_mode_it_is_not(sandboxed, video, settings):
    with Loopback(delivers(video)) as server:
        url = sandboxed(server)
        settings.SANDBOX = False
        with pytest.raises(storage.NotAVideo):
            keep(f"{url}/v")

    assert server.connections == 0


@pytest.mark.parametrize("change", [("http:", "https:"), ("127.0.0.1", "localhost"), ("127.0.0.1", "127.0.0.2")])
def test_in_sandbox_mode_another_origin_on_this_machine_is_not(sandboxed, video, change):
    with Loopback(delivers(video)) as server, pytest.raises(storage.NotAVideo):
        keep(sandboxed(server).replace(*change) + "/v")

    assert server.connections == 0


def test_in_sandbox_mode_a_redirect_to_another_port_is_not_followed(sandboxed, video):
    with (
        Loopback(delivers(video)) as inside,
        Loopback(redirects(f"{inside.url}/v")) as server,
        pytest.raises(storage.NotAVideo),
    ):
        keep(f"{sandboxed(server)}/v")

    assert inside.connections == 0


def test_in_sandbox_mode_a_redirect_within_the_sandbox_is_followed(sandboxed, video):
    def once(server, connection):
        behave = redirects("/b") if server.requests[-1].path == "/a" else delivers(video)
        behave(server, connection)

    with Loopback(once) as server:
        keep(f"{sandboxed(server)}/a")

    assert [request.path for request in server.requests] == ["/a", "/b"]
