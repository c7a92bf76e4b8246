"""What IANA says of the address space, written down row by row: the oracle of the guard.

https://www.iana.org/assignments/iana-ipv4-special-registry and iana-ipv6-special-registry, all
rows of September 2026 with their column "Globally Reachable" (N/A counts as no), and what else
nobody may reach, with its origin. Nothing here is taken from the product: blocks are two numbers,
and an address is compared with them.
"""

import socket
from dataclasses import dataclass

V4_BITS, V6_BITS = 32, 128


@dataclass(frozen=True, slots=True)
class Block:
    """A block of addresses as numbers, both ends included."""

    text: str
    bits: int
    first: int
    last: int

    def holds(self, number: int) -> bool:
        return self.first <= number <= self.last


def _block(text: str) -> Block:
    network, _, length = text.partition("/")
    family, bits = (socket.AF_INET6, V6_BITS) if ":" in network else (socket.AF_INET, V4_BITS)
    first = int.from_bytes(socket.inet_pton(family, network), "big")
    return Block(text, bits, first, first + (1 << (bits - int(length))) - 1)


def _blocks(*texts: str) -> tuple[Block, ...]:
    return tuple(_block(text) for text in texts)


# In the order of the registry.
V4_NOT_REACHABLE = _blocks(
    "0.0.0.0/8",  # "this network", RFC 791
    "0.0.0.0/32",  # this host on this network, RFC 1122
    "10.0.0.0/8",  # private use, RFC 1918
    "100.64.0.0/10",  # shared address space, RFC 6598
    "127.0.0.0/8",  # loopback, RFC 1122
    "169.254.0.0/16",  # link local, RFC 3927
    "172.16.0.0/12",  # private use, RFC 1918
    "192.0.0.0/24",  # IETF protocol assignments, RFC 6890
    "192.0.0.0/29",  # IPv4 service continuity, RFC 7335
    "192.0.0.8/32",  # dummy address, RFC 7600
    "192.0.0.170/32",  # NAT64 and DNS64 discovery, RFC 8880
    "192.0.0.171/32",  # the same
    "192.0.2.0/24",  # documentation, RFC 5737
    "192.88.99.0/24",  # 6to4 relay anycast, deprecated, RFC 7526: N/A
    "192.88.99.2/32",  # 6a44 relay anycast, RFC 6751
    "192.168.0.0/16",  # private use, RFC 1918
    "198.18.0.0/15",  # benchmarking, RFC 2544
    "198.51.100.0/24",  # documentation, RFC 5737
    "203.0.113.0/24",  # documentation, RFC 5737
    "240.0.0.0/4",  # reserved, RFC 1112
    "255.255.255.255/32",  # limited broadcast, RFC 8190
)
# Special, and reachable all the same: 192.0.0.9/32 and 192.0.0.10/32 are refused with the block
# they lie in.
V4_REACHABLE = _blocks("192.31.196.0/24", "192.52.193.0/24", "192.175.48.0/24")
V4_ELSEWHERE = _blocks(
    "224.0.0.0/4",  # https://www.iana.org/assignments/multicast-addresses
    "169.254.169.254/32",  # the metadata service of most clouds
    "168.63.129.16/32",  # Azure's host, https://learn.microsoft.com/azure/virtual-network
    "100.100.100.200/32",  # Alibaba Cloud's metadata service
)

V6_NOT_REACHABLE = _blocks(
    "::1/128",  # loopback, RFC 4291
    "::/128",  # unspecified, RFC 4291
    "::ffff:0:0/96",  # IPv4-mapped, RFC 4291
    "64:ff9b:1::/48",  # IPv4-IPv6 translation, local use, RFC 8215
    "100::/64",  # discard only, RFC 6666
    "100:0:0:1::/64",  # dummy prefix, RFC 9780
    "2001::/23",  # IETF protocol assignments, RFC 2928
    "2001::/32",  # Teredo, RFC 4380: N/A
    "2001:2::/48",  # benchmarking, RFC 5180
    "2001:10::/28",  # ORCHID, deprecated, RFC 4843: N/A
    "2001:db8::/32",  # documentation, RFC 3849
    "2002::/16",  # 6to4, RFC 3056: N/A
    "3fff::/20",  # documentation, RFC 9637
    "5f00::/16",  # segment routing, RFC 9602
    "fc00::/7",  # unique local, RFC 4193
    "fe80::/10",  # link local unicast, RFC 4291
)
# 64:ff9b::/96 is reachable in the registry and a gateway into IPv4 for us, so it stands below; the
# rows inside 2001::/23 are refused with the block they lie in.
V6_REACHABLE = _blocks("2620:4f:8000::/48")
V6_ELSEWHERE = _blocks(
    "64:ff9b::/96",  # IPv4-IPv6 translation, RFC 6052
    "::/96",  # IPv4-compatible, deprecated, RFC 4291
    "::ffff:0:0:0/96",  # IPv4-translated, RFC 2765
    "fec0::/10",  # site local, deprecated, RFC 3879
    "ff00::/8",  # multicast, RFC 4291
    "fd00:ec2::254/128",  # the metadata service of AWS
    "fd20:ce::254/128",  # the metadata service of Google Cloud
)
# https://www.iana.org/assignments/ipv6-address-space: all else is reserved, or in the lists above.
V6_GLOBAL_UNICAST = _block("2000::/3")

REFUSED = V4_NOT_REACHABLE + V4_ELSEWHERE + V6_NOT_REACHABLE + V6_ELSEWHERE
ALL = (*REFUSED, *V4_REACHABLE, *V6_REACHABLE, V6_GLOBAL_UNICAST)


def is_public_v4(number: int) -> bool:
    """The verdict by the registries."""
    return not any(block.holds(number) for block in V4_NOT_REACHABLE + V4_ELSEWHERE)


def is_public_v6(number: int) -> bool:
    """The verdict by the registries, and by RFC 5214 of tunnels whose end is an IPv4 address."""
    if not V6_GLOBAL_UNICAST.holds(number):
        return False
    if any(block.holds(number) for block in V6_NOT_REACHABLE + V6_ELSEWHERE):
        return False
    interface, end = (number >> 32) % (1 << 32), number % (1 << 32)
    return interface not in {0x00005EFE, 0x02005EFE} or is_public_v4(end)
