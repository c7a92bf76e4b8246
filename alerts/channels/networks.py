"""Which network addresses we connect to: public ones, and those the operator trusts."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from typing import Self

from alerts.errors import SettingsInvalid

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

HIGHEST_PORT = 65535

# https://www.iana.org/assignments/iana-ipv4-special-registry, and the metadata services of clouds
# that live outside it. The first network that holds an address names the reason.
_FORBIDDEN_V4 = tuple(
    (IPv4Network(network), reason)
    for network, reason in (
        ("168.63.129.16/32", "a cloud's own service"),
        ("100.100.100.200/32", "a cloud's own service"),
        ("169.254.169.254/32", "a cloud's own service"),
        ("0.0.0.0/8", "this very network"),
        ("10.0.0.0/8", "private"),
        ("100.64.0.0/10", "shared by a carrier"),
        ("127.0.0.0/8", "loopback"),
        ("169.254.0.0/16", "link-local"),
        ("172.16.0.0/12", "private"),
        ("192.0.0.0/24", "reserved"),
        ("192.0.2.0/24", "for documentation"),
        ("192.88.99.0/24", "a 6to4 relay"),
        ("192.168.0.0/16", "private"),
        ("198.18.0.0/15", "for benchmarks"),
        ("198.51.100.0/24", "for documentation"),
        ("203.0.113.0/24", "for documentation"),
        ("224.0.0.0/4", "multicast"),
        ("240.0.0.0/4", "reserved"),
    )
)

# https://www.iana.org/assignments/iana-ipv6-special-registry, and what wraps an IPv4 address: a
# gateway or a tunnel of ours would unwrap it behind our back, so none of these is judged by what it
# carries. What is neither here nor in the global unicast block is refused without a name.
_GLOBAL_UNICAST = IPv6Network("2000::/3")
_FORBIDDEN_V6 = tuple(
    (IPv6Network(network), reason)
    for network, reason in (
        ("fd00:ec2::254/128", "a cloud's own service"),
        ("fd20:ce::254/128", "a cloud's own service"),
        ("::/128", "this very network"),
        ("::1/128", "loopback"),
        ("::ffff:0:0/96", "an IPv4 address in other clothes"),
        ("::/96", "an IPv4 address in other clothes"),
        ("64:ff9b::/96", "a NAT64 gateway"),
        ("64:ff9b:1::/48", "a NAT64 gateway"),
        ("2001::/32", "a Teredo tunnel"),
        ("2001:2::/48", "for benchmarks"),
        ("2001::/23", "reserved"),
        ("2001:db8::/32", "for documentation"),
        ("2002::/16", "a 6to4 relay"),
        ("3fff::/20", "for documentation"),
        ("fc00::/7", "private"),
        ("fe80::/10", "link-local"),
        ("ff00::/8", "multicast"),
    )
)

# RFC 5214: an interface named 0000:5efe or 0200:5efe carries the IPv4 address it tunnels to. It may
# stand in anybody's network, so it is judged by that address.
_ISATAP = frozenset({0x0000_5EFE, 0x0200_5EFE})
_LOW_32_BITS = 0xFFFF_FFFF

_PORT = re.compile(r"[1-9][0-9]{0,4}")


def forbidden(address: Address) -> str | None:
    """Why we do not connect to this address, or None if we do.

    IPv6: global unicast only, without the blocks reserved inside it and those that wrap an IPv4
    address, whichever: NAT64, 6to4, Teredo, mapped and compatible ones.
    """
    if isinstance(address, IPv4Address):
        return _named(address, _FORBIDDEN_V4)
    if address.scope_id is not None:
        return "bound to one network card"
    if reason := _named(address, _FORBIDDEN_V6):
        return reason
    if address not in _GLOBAL_UNICAST:
        return "not a public address"
    if (int(address) >> 32) & _LOW_32_BITS in _ISATAP:
        return forbidden(IPv4Address(int(address) & _LOW_32_BITS))
    return None


def read_port(text: str) -> int | None:
    """A port as decimal digits without sign or leading zero, 1 to 65535; None for all else."""
    if _PORT.fullmatch(text) and int(text) <= HIGHEST_PORT:
        return int(text)
    return None


def read_address(text: str) -> Address | None:
    """An address in its ordinary notation, brackets around IPv6 allowed; None for all else."""
    bare = text[1:-1] if text.startswith("[") and text.endswith("]") else text
    try:
        return ip_address(bare)
    except ValueError:
        return None


@dataclass(frozen=True, slots=True)
class Trusted:
    """Destinations the operator vouches for: exempt from the address, port and https rules.

    names: (host in lower case, port). networks: (network, port); a single address is a network
    of one. A network speaks for addresses only: a name that resolves into it may be connected to,
    but still needs https, because the name is not known to stay there.
    """

    names: frozenset[tuple[str, int]] = frozenset()
    networks: tuple[tuple[Network, int], ...] = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `host:port` and `CIDR:port`, separated by commas; IPv6 stands in brackets.

        Raises SettingsInvalid that names the entry at fault.
        """
        names: set[tuple[str, int]] = set()
        networks: list[tuple[Network, int]] = []
        for entry in filter(None, (part.strip() for part in text.split(","))):
            host, _, digits = entry.rpartition(":")
            port = read_port(digits)
            network = _read_network(host)
            if port is None or not (network or _is_name(host)):
                raise SettingsInvalid(
                    f"GRADEBELL_TRUSTED_DESTINATIONS: {entry!r} is neither host:port nor"
                    " CIDR:port, such as receiver:9000, 10.1.0.0/16:443 or [fd00::/8]:443"
                )
            if network:
                networks.append((network, port))
            else:
                names.add((host.lower().rstrip("."), port))
        return cls(frozenset(names), tuple(networks))

    def has(self, host: str, port: int) -> bool:
        """Whether this host, a name or an address as URLs write it, is trusted as it stands."""
        address = read_address(host)
        if address is not None:
            return self.has_address(address, port)
        return (host.lower().rstrip("."), port) in self.names

    def has_address(self, address: Address, port: int) -> bool:
        """Whether this address lies in a trusted network."""
        return any(
            port == trusted_port and address in network for network, trusted_port in self.networks
        )


def _named(address: Address, blocks: Iterable[tuple[Network, str]]) -> str | None:
    return next((reason for network, reason in blocks if address in network), None)


def _read_network(text: str) -> Network | None:
    bracketed = text.startswith("[") and text.endswith("]")
    if ":" in text and not bracketed:
        return None
    try:
        return ip_network(text[1:-1] if bracketed else text)
    except ValueError:
        return None


def _is_name(text: str) -> bool:
    labels = text.rstrip(".").split(".")
    return bool(text) and all(re.fullmatch(r"[A-Za-z0-9_-]{1,63}", label) for label in labels)
