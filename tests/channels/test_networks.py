"""Which addresses we connect to, held against oracles written from other sources."""

import struct
from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from alerts.channels.networks import Trusted, forbidden
from alerts.errors import SettingsInvalid

V4 = st.integers(0, 2**32 - 1).map(IPv4Address)
V6 = st.integers(0, 2**128 - 1).map(IPv6Address)
UNICAST_V6 = st.integers(0x2000 << 112, (0x4000 << 112) - 1).map(IPv6Address)


def _is_public_v4(address: IPv4Address) -> bool:
    """The oracle: octets compared by hand, from RFC 6890 and the clouds' own pages."""
    a, b, c, d = address.packed
    special = (
        a in {0, 10, 127}
        or a >= 224
        or (a == 100 and 64 <= b <= 127)
        or (a == 169 and b == 254)
        or (a == 172 and 16 <= b <= 31)
        or (a == 192 and b == 168)
        or (a == 192 and b == 0 and c in {0, 2})
        or (a == 192 and b == 88 and c == 99)
        or (a == 198 and b in {18, 19})
        or (a == 198 and b == 51 and c == 100)
        or (a == 203 and b == 0 and c == 113)
        or (a, b, c, d) == (168, 63, 129, 16)
    )
    return not special


def _is_public_v6(address: IPv6Address) -> bool:
    """The oracle: groups of sixteen bits compared by hand, from RFC 6890, 6052 and 5214."""
    groups = struct.unpack("!8H", address.packed)
    carried = IPv4Address(address.packed[12:])
    if groups[:6] in {(0x64, 0xFF9B, 0, 0, 0, 0), (0, 0, 0, 0, 0, 0xFFFF)}:
        return _is_public_v4(carried)
    if not 0x2000 <= groups[0] <= 0x3FFF:
        return False
    if groups[4] in {0, 0x200} and groups[5] == 0x5EFE and not _is_public_v4(carried):
        return False
    return not (
        (groups[0] == 0x2001 and groups[1] <= 0x1FF)
        or groups[:2] == (0x2001, 0xDB8)
        or groups[0] == 0x2002
        or (groups[0] == 0x3FFF and groups[1] <= 0xFFF)
    )


@given(V4)
@settings(max_examples=2000)
def test_over_all_of_ipv4_the_verdict_is_the_oracles(address: IPv4Address) -> None:
    assert (forbidden(address) is None) == _is_public_v4(address)


@given(
    V6
    | UNICAST_V6
    | V4.map(lambda v4: IPv6Address((0x64FF9B << 96) | int(v4)))
    | V4.map(lambda v4: IPv6Address((0xFFFF << 32) | int(v4)))
    | V4.map(lambda v4: IPv6Address((0x2A00_1450_4001_0800_0000_5EFE << 32) | int(v4)))
    | V4.map(lambda v4: IPv6Address((0x2002 << 112) | (int(v4) << 80) | 1))
)
@example(IPv6Address("2001:1ff:ffff::"))
@example(IPv6Address("2001:200::"))
@example(IPv6Address("3fff:fff:ffff::"))
@example(IPv6Address("3fff:1000::"))
@settings(max_examples=2000)
def test_over_all_of_ipv6_the_verdict_is_the_oracles(address: IPv6Address) -> None:
    assert (forbidden(address) is None) == _is_public_v6(address)


@given(V4 | V6 | UNICAST_V6)
@settings(max_examples=2000)
def test_nothing_the_standard_library_calls_local_is_let_through(
    address: IPv4Address | IPv6Address,
) -> None:
    if forbidden(address) is None:
        mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
        told = mapped or address
        nat64 = int(address) >> 32 == 0x64FF9B << 64
        assert told.is_global or nat64
        local = (told.is_private, told.is_loopback, told.is_link_local, told.is_unspecified)
        assert (*local, told.is_multicast) == (False,) * 5


@pytest.mark.parametrize(
    "text",
    [
        "1.1.1.1",
        "93.184.215.14",
        "100.63.255.255",
        "100.128.0.0",
        "172.15.255.255",
        "172.32.0.0",
        "192.0.1.1",
        "198.17.255.255",
        "198.20.0.0",
        "223.255.255.255",
        "168.63.129.15",
        "2606:4700:4700::1111",
        "2a00:1450:4001:810::200e",
        "64:ff9b::101:101",
        "::ffff:1.1.1.1",
        "2a00::5efe:1.1.1.1",
    ],
)
def test_a_public_address_is_connected_to(text: str) -> None:
    assert forbidden(ip_address(text)) is None


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("127.0.0.1", "loopback"),
        ("0.1.2.3", "this very network"),
        ("10.255.255.255", "private"),
        ("172.16.0.0", "private"),
        ("172.31.255.255", "private"),
        ("192.168.1.1", "private"),
        ("100.64.0.1", "shared by a carrier"),
        ("100.100.100.200", "a cloud's own service"),
        ("168.63.129.16", "a cloud's own service"),
        ("169.254.169.254", "a cloud's own service"),
        ("169.254.1.1", "link-local"),
        ("192.0.0.192", "reserved"),
        ("192.88.99.1", "a 6to4 relay"),
        ("198.19.255.255", "for benchmarks"),
        ("224.0.0.1", "multicast"),
        ("255.255.255.255", "reserved"),
        ("::", "not a public address"),
        ("::1", "not a public address"),
        ("::127.0.0.1", "not a public address"),
        ("::ffff:127.0.0.1", "loopback"),
        ("::ffff:169.254.169.254", "a cloud's own service"),
        ("64:ff9b::a9fe:a9fe", "a cloud's own service"),
        ("64:ff9b:1::1.1.1.1", "not a public address"),
        ("100::1", "not a public address"),
        ("fe80::1", "not a public address"),
        ("fe80::1%eth0", "bound to one network card"),
        ("fec0::1", "not a public address"),
        ("fd00:ec2::254", "not a public address"),
        ("ff02::1", "not a public address"),
        ("5f00::1", "not a public address"),
        ("2001:0:4136:e378:8000:63bf:3fff:fdd2", "a Teredo tunnel"),
        ("2001:10::1", "reserved"),
        ("2001:db8::1", "for documentation"),
        ("2002:7f00:1::1", "a 6to4 relay"),
        ("2002:101:101::1", "a 6to4 relay"),
        ("2a00::5efe:10.0.0.1", "private"),
        ("2a00::200:5efe:192.168.0.1", "private"),
        ("3fff::1", "for documentation"),
    ],
)
def test_any_other_address_is_refused_with_its_reason(text: str, reason: str) -> None:
    assert forbidden(ip_address(text)) == reason


def test_trusted_destinations_are_read_as_the_operator_writes_them() -> None:
    trusted = Trusted.parse(
        " Receiver.:9000, 10.1.0.0/16:443,127.0.0.1:8080,[fd00::/8]:443,[::1]:80, "
    )

    assert trusted.has("receiver", 9000)
    assert trusted.has("RECEIVER.", 9000)
    assert trusted.has("10.1.255.255", 443)
    assert trusted.has("127.0.0.1", 8080)
    assert trusted.has("[fd12::1]", 443)
    assert trusted.has_address(ip_address("::1"), 80)


def test_trust_ends_at_the_port_and_at_the_networks_edge() -> None:
    trusted = Trusted.parse("receiver:9000,10.1.0.0/16:443")

    assert not trusted.has("receiver", 9001)
    assert not trusted.has("receiver.evil.example", 9000)
    assert not trusted.has("10.1.0.1", 80)
    assert not trusted.has("10.2.0.1", 443)
    assert not Trusted.parse("").has("127.0.0.1", 80)


def test_a_trusted_name_says_nothing_about_an_address() -> None:
    assert not Trusted.parse("receiver:9000").has_address(ip_address("10.0.0.1"), 9000)


@pytest.mark.parametrize(
    "entry",
    ["receiver", ":80", "host:0", "host:65536", "host:080", "10.1.2.3/16:443", "::1:80", "a b:80"],
)
def test_an_entry_that_cannot_be_read_is_named(entry: str) -> None:
    with pytest.raises(SettingsInvalid, match="GRADEBELL_TRUSTED_DESTINATIONS"):
        Trusted.parse(f"good:80,{entry}")
