"""Which addresses may be asked at all."""

from ipaddress import IPv4Address, IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from generation.storage import NotAVideo
from generation.storage.addresses import is_public, origin_of, read, read_next


@pytest.mark.parametrize(
    "address",
    [
        *("1.1.1.1", "93.184.216.34", "172.32.0.1", "100.128.0.1", "223.255.255.254"),
        *("2606:4700::1111", "2a00:1450:4001::1"),
        *("::ffff:1.1.1.1", "2002:101:101::1", "64:ff9b::1.1.1.1"),
    ],
)
def test_the_open_internet_may_be_asked(address):
    assert is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "127.255.255.254", "0.0.0.0", "0.1.2.3", "10.0.0.1", "172.16.0.1", "172.31.255.255"),
        *("192.168.0.1", "169.254.169.254", "100.64.0.1", "100.100.100.200", "100.127.255.255"),
        *("192.0.0.1", "192.0.0.192", "192.0.2.1", "192.88.99.1", "198.18.0.1", "198.51.100.1", "203.0.113.1"),
        *("224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255"),
        *("::", "::1", "::127.0.0.1", "::ffff:0:127.0.0.1", "100::1", "fc00::1", "fd00:ec2::254", "fe80::1"),
        *("fe80::1%eth0", "fec0::1", "ff02::1", "2001::1", "2001:db8::1", "3fff::1", "5f00::1", "64:ff9b:1::1"),
        *("::ffff:127.0.0.1", "::ffff:169.254.169.254", "::ffff:100.64.0.1"),
        *("2002:7f00:1::1", "2002:a9fe:a9fe::", "2002:6440:1::1"),
        *("64:ff9b::127.0.0.1", "64:ff9b::10.0.0.1", "64:ff9b::192.0.0.192"),
    ],
)
def test_what_is_not_the_open_internet_may_not(address):
    assert not is_public(address)


@given(st.ip_addresses(v=4))
def test_an_ipv4_address_is_judged_alike_in_each_form_that_carries_it(address: IPv4Address):
    number = int(address)
    for carrier in (0xFFFF << 32 | number, 0x2002 << 112 | number << 80, 0x64FF9B << 96 | number):
        assert is_public(str(IPv6Address(carrier))) == is_public(str(address))


@pytest.mark.parametrize(
    "address",
    [
        *("", "x", "//outputs.example/v", "/v", "https:", "https://", "https:///v", "https://:443/v"),
        *("file:///etc/passwd", "ftp://outputs.example/v", "gopher://127.0.0.1:6379/_x", "javascript:alert(1)"),
        *("https://a:b@outputs.example/v", "https://a@outputs.example/v", "https://a:@outputs.example/v"),
        *("https://outputs.example:0/v", "https://outputs.example:65536/v", "https://outputs.example:x/v"),
        *("https://[::1/v", "https://outputs.example\t/v", "https://outputs.example\n/v", "https://a b/v"),
    ],
)
def test_an_address_that_is_none_is_no_video(address):
    with pytest.raises(NotAVideo):
        read(address)


@given(st.text(), st.sampled_from(["", "https://", "https://[", "//", "http://a@", "\\"]))
def test_whatever_an_address_looks_like_it_is_read_or_refused(text, start):
    for reading in (read, lambda address: read_next(read("https://outputs.example/v"), address)):
        try:
            url = reading(start + text)
        except NotAVideo:
            continue
        assert url.scheme in {"http", "https"}
        assert url.host
        assert url.auth is None


@pytest.mark.parametrize(
    ("address", "host"),
    [
        ("https://outputs.example\\@127.0.0.1/v", "outputs.example"),
        ("https://outputs.example#@127.0.0.1/v", "outputs.example"),
        ("https://outputs.example?@127.0.0.1/v", "outputs.example"),
        ("https://127.0.0.1\\.outputs.example/v", "127.0.0.1"),
        ("HTTPS://Outputs.Example:443/v", "outputs.example"),
        ("https://[::1]/v", "::1"),
    ],
)
def test_an_address_that_may_be_read_in_two_ways_is_asked_where_it_was_checked(address, host):
    assert origin_of(read(address)).host == host


def test_the_port_of_the_scheme_is_the_same_origin():
    assert origin_of(read("https://outputs.example/a")) == origin_of(read("https://OUTPUTS.example:443/b"))
