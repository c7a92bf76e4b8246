"""Which addresses we connect to, held against what IANA says of all of them."""

from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.channels.networks import Address, Trusted, forbidden
from alerts.errors import SettingsInvalid
from tests.channels import registries
from tests.channels.registries import V4_BITS, V6_BITS, Block

V4 = st.integers(0, 2**V4_BITS - 1).map(IPv4Address)
V6 = st.integers(0, 2**V6_BITS - 1).map(IPv6Address)
UNICAST_V6 = st.integers(registries.V6_GLOBAL_UNICAST.first, registries.V6_GLOBAL_UNICAST.last).map(
    IPv6Address
)
NUMBERED = st.integers(0, 2**V4_BITS - 1)

# An IPv4 address as IPv6 wraps it: RFC 4291, 2765, 6052 (in each of its lengths that fits), 3056,
# 4380 (the server, and the client with its bits turned).
WRAPPED = {
    "compatible": lambda v4: v4,
    "mapped": lambda v4: 0xFFFF << 32 | v4,
    "translated": lambda v4: 0xFFFF << 48 | v4,
    "NAT64": lambda v4: 0x64FF9B << 96 | v4,
    "NAT64 of our own, at 48 bits": lambda v4: (
        0x64FF9B0001 << 80 | v4 >> 16 << 64 | v4 % 2**16 << 40
    ),
    "NAT64 of our own, at 64 bits": lambda v4: 0x64FF9B0001 << 80 | v4 << 24,
    "NAT64 of our own, at 96 bits": lambda v4: 0x64FF9B0001 << 80 | v4,
    "6to4": lambda v4: 0x2002 << 112 | v4 << 80 | 1,
    "Teredo's server": lambda v4: 0x20010000 << 96 | v4 << 64 | 0x80000000,
    "Teredo's client": lambda v4: 0x20010000 << 96 | v4 ^ 0xFFFFFFFF,
}


def _address(bits: int, number: int) -> Address:
    return IPv4Address(number) if bits == V4_BITS else IPv6Address(number)


def _inside(block: Block) -> st.SearchStrategy[Address]:
    return st.integers(block.first, block.last).map(lambda number: _address(block.bits, number))


def _is_public(address: Address) -> bool:
    number = int(address)
    if isinstance(address, IPv4Address):
        return registries.is_public_v4(number)
    return registries.is_public_v6(number)


@given(V4)
@settings(max_examples=2000)
def test_over_all_of_ipv4_the_verdict_is_the_registries(address: IPv4Address) -> None:
    assert (forbidden(address) is None) == _is_public(address)


@given(V6 | UNICAST_V6 | V4.map(lambda v4: IPv6Address(0x2A0014504001080000005EFE << 32 | int(v4))))
@settings(max_examples=2000)
def test_over_all_of_ipv6_the_verdict_is_the_registries(address: IPv6Address) -> None:
    assert (forbidden(address) is None) == _is_public(address)


@given(st.sampled_from(registries.REFUSED).flatmap(_inside))
@settings(max_examples=2000)
def test_nothing_inside_a_block_that_is_not_reachable_is_connected_to(address: Address) -> None:
    assert forbidden(address) is not None


@pytest.mark.parametrize("block", registries.ALL, ids=lambda block: block.text)
def test_at_the_edges_of_a_block_the_verdict_is_the_registries(block: Block) -> None:
    edges = (block.first - 1, block.first, block.last, block.last + 1)

    for number in edges:
        if 0 <= number < 2**block.bits:
            address = _address(block.bits, number)
            assert (forbidden(address) is None) == _is_public(address), address


@pytest.mark.parametrize("wrapping", WRAPPED)
@given(number=NUMBERED)
def test_no_ipv4_address_gets_through_in_other_clothes(wrapping: str, number: int) -> None:
    assert forbidden(IPv6Address(WRAPPED[wrapping](number))) is not None


@given(V4 | V6 | UNICAST_V6)
@settings(max_examples=2000)
def test_nothing_the_standard_library_calls_local_is_let_through(
    address: IPv4Address | IPv6Address,
) -> None:
    if forbidden(address) is None:
        assert address.is_global
        local = (address.is_private, address.is_loopback, address.is_link_local)
        assert (*local, address.is_unspecified, address.is_multicast) == (False,) * 5


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
        "2620:4f:8000::1",
        "192.31.196.1",
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
        ("::", "this very network"),
        ("::1", "loopback"),
        ("::127.0.0.1", "an IPv4 address in other clothes"),
        ("::ffff:127.0.0.1", "an IPv4 address in other clothes"),
        ("::ffff:1.1.1.1", "an IPv4 address in other clothes"),
        ("64:ff9b::a9fe:a9fe", "a NAT64 gateway"),
        ("64:ff9b::1.1.1.1", "a NAT64 gateway"),
        ("64:ff9b:1::1.1.1.1", "a NAT64 gateway"),
        ("100::1", "not a public address"),
        ("fe80::1", "link-local"),
        ("fe80::1%eth0", "bound to one network card"),
        ("2606:4700::1%eth0", "bound to one network card"),
        ("fec0::1", "not a public address"),
        ("fd00:ec2::254", "a cloud's own service"),
        ("fd20:ce::254", "a cloud's own service"),
        ("fd12::1", "private"),
        ("ff02::1", "multicast"),
        ("5f00::1", "not a public address"),
        ("2001:0:4136:e378:8000:63bf:3fff:fdd2", "a Teredo tunnel"),
        ("2001:2::1", "for benchmarks"),
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
