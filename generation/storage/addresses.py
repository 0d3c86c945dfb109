"""Which addresses may be asked for an output: those of the open internet, by https."""

import socket
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from queue import Empty, SimpleQueue
from threading import Thread
from urllib.parse import urljoin

from urllib3.exceptions import LocationParseError
from urllib3.util import Url, parse_url

from generation.storage.verdicts import NotAVideo

_PORTS = {"https": 443, "http": 80}
_ROUTED = IPv6Network("2000::/3")  # the only part of IPv6 that is given out to networks
_TRANSLATED = IPv6Network("64:ff9b::/96")  # NAT64 (RFC 6052): the last 32 bits are an IPv4 address
# Special by IANA's registry, and not, or not in every Python, known as such to `ipaddress`.
_SPECIAL = (
    IPv4Network("100.64.0.0/10"),  # shared by the customers of a carrier
    IPv4Network("192.0.0.0/24"),  # protocols; one cloud has its metadata here
    IPv4Network("192.88.99.0/24"),  # relays of 6to4
    IPv6Network("2001::/23"),  # protocols, Teredo
    IPv6Network("3fff::/20"),  # documentation
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Whom an address asks: scheme, host and port."""

    scheme: str
    host: str
    port: int


def read(address: str) -> Url:
    """Take an address apart; NotAVideo where it is none, or carries a name and password.

    What is asked is what was read here: nothing reads the text a second time, maybe in another way.
    """
    try:
        url = parse_url(address)
    except LocationParseError:
        raise NotAVideo("Its address is none.") from None
    if url.scheme not in _PORTS:
        raise NotAVideo(f"Its address is not https: {url.scheme}.")
    if not url.host or url.port == 0:
        raise NotAVideo("Its address names no host or no port.")
    if url.auth is not None:
        raise NotAVideo("Its address carries a name and password.")
    return url


def read_next(url: Url, location: str) -> Url:
    """Take apart where `url` redirects to; NotAVideo as in `read`."""
    try:
        address = urljoin(url.url, location)
    except ValueError:
        raise NotAVideo("It redirects to an address that is none.") from None
    return read(address)


def origin_of(url: Url) -> Origin:
    """Return the origin of an address that was read."""
    scheme = str(url.scheme)
    return Origin(scheme=scheme, host=str(url.host).strip("[]"), port=url.port or _PORTS[scheme])


def is_public(address: str) -> bool:
    """Say whether an IP address belongs to the open internet; one that carries an IPv4 address is judged by that."""
    ip = ip_address(address)
    if isinstance(ip, IPv6Address):
        carried = _carried(ip)
        if carried is not None:
            return is_public(str(carried))
        if ip not in _ROUTED:
            return False
    return ip.is_global and not ip.is_multicast and not any(ip in network for network in _SPECIAL)


def look_up(host: str, port: int, seconds: float) -> list[str]:
    """Return all IP addresses of a name. OSError where it has none now; NotAVideo where it can't be a name.

    In a thread that may be left behind, since nothing else bounds a look-up.
    """
    answers: SimpleQueue[list[str] | Exception] = SimpleQueue()

    def ask() -> None:
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            answers.put(error)
        else:
            answers.put(list(dict.fromkeys(str(address[0]) for *_, address in found)))

    Thread(target=ask, name="look-up", daemon=True).start()
    try:
        answer = answers.get(timeout=seconds)
    except Empty:
        raise TimeoutError("The look-up took too long.") from None
    if isinstance(answer, UnicodeError):
        raise NotAVideo("Its host can't be a name.") from answer
    if isinstance(answer, Exception):
        raise answer
    return answer


def _carried(ip: IPv6Address) -> IPv4Address | None:
    """Return the IPv4 address that packets to `ip` would reach: mapped, 6to4 or NAT64."""
    if ip in _TRANSLATED:
        return IPv4Address(int(ip) & 0xFFFFFFFF)
    return ip.ipv4_mapped or ip.sixtofour
