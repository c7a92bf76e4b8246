"""However an address is written, it is refused, or read as what it is and judged by that."""

from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.channels.addresses import vet_url
from alerts.channels.networks import Trusted
from alerts.errors import InvalidInput
from tests.channels.registries import ALL, V4_BITS, V6_BITS, is_public_v4, is_public_v6

FULL_WIDTH = {ord(digit): 0xFF10 + int(digit) for digit in "0123456789"}
SUPERSCRIPT = dict(zip(map(ord, "0123456789"), "⁰¹²³⁴⁵⁶⁷⁸⁹", strict=True))


def _plain(number: int) -> str:
    return str(IPv4Address(number))


def _octets(number: int, form: str) -> str:
    return ".".join(format(octet, form) for octet in number.to_bytes(4, "big"))


def _short(number: int, parts: int) -> str:
    """As inet_aton(3) reads it: the last part takes all bits that are left."""
    octets = number.to_bytes(4, "big")
    last = int.from_bytes(octets[parts - 1 :], "big")
    return ".".join(map(str, (*octets[: parts - 1], last)))


V4_NOTATIONS: dict[str, Callable[[int], str]] = {
    "plain": _plain,
    "with a final dot": lambda number: f"{_plain(number)}.",
    "one decimal number": str,
    "one octal number": lambda number: f"0{number:o}",
    "one hexadecimal number": hex,
    "one capital number": lambda number: f"0X{number:X}",
    "two parts": lambda number: _short(number, 2),
    "three parts": lambda number: _short(number, 3),
    "octal parts": lambda number: _octets(number, "#05o").replace("o", "0"),
    "hexadecimal parts": lambda number: _octets(number, "#x"),
    "padded parts": lambda number: _octets(number, "03"),
    "one part in hexadecimal": lambda number: (
        f"{number >> 24:#x}.{_short(number, 4).split('.', 1)[1]}"
    ),
    "full-width digits": lambda number: _plain(number).translate(FULL_WIDTH),
    "superscript digits": lambda number: _plain(number).translate(SUPERSCRIPT),
    "one full-width number": lambda number: str(number).translate(FULL_WIDTH),
    "ideographic dots": lambda number: _plain(number).replace(".", "\u3002"),
    "full-width dots": lambda number: _plain(number).replace(".", "\uff0e"),
    "half-width dots": lambda number: _plain(number).replace(".", "\uff61"),
    "one dot leader": lambda number: _plain(number).replace(".", "\u2024"),
    "escaped": lambda number: _plain(number).replace(".", "%2e"),
}
V6_NOTATIONS: dict[str, Callable[[int], str]] = {
    "compressed": lambda number: IPv6Address(number).compressed,
    "exploded": lambda number: IPv6Address(number).exploded,
    "in capitals": lambda number: IPv6Address(number).exploded.upper(),
    "with an IPv4 tail": lambda number: (
        f"{IPv6Address(number).exploded[:29]}:{IPv4Address(number % 2**32)}"
    ),
    "full-width": lambda number: IPv6Address(number).exploded.translate(FULL_WIDTH),
    "with a network card": lambda number: f"{IPv6Address(number).compressed}%25eth0",
}


def _numbers(bits: int) -> st.SearchStrategy[int]:
    """From everywhere, and as often from a block that IANA names."""
    blocks = [block for block in ALL if block.bits == bits]
    named = st.sampled_from(blocks).flatmap(lambda block: st.integers(block.first, block.last))
    return st.integers(0, 2**bits - 1) | named


def _vetted(host: str) -> str | None:
    try:
        return vet_url(f"https://{host}/", https_only=True, trusted=Trusted())
    except InvalidInput:
        return None


@pytest.mark.parametrize("notation", V4_NOTATIONS)
@given(number=_numbers(V4_BITS))
def test_an_ipv4_address_is_judged_as_itself_in_any_notation(notation: str, number: int) -> None:
    taken = _vetted(V4_NOTATIONS[notation](number))

    assert taken is None or (taken == f"https://{_plain(number)}/" and is_public_v4(number))


@pytest.mark.parametrize("notation", V6_NOTATIONS)
@given(number=_numbers(V6_BITS))
def test_an_ipv6_address_is_judged_as_itself_in_any_notation(notation: str, number: int) -> None:
    taken = _vetted(f"[{V6_NOTATIONS[notation](number)}]")

    plain = f"https://[{IPv6Address(number).compressed}]/"
    assert taken is None or (taken == plain and is_public_v6(number))


@pytest.mark.parametrize(
    "notation", ["plain", "with a final dot", "full-width digits", "ideographic dots"]
)
@given(number=_numbers(V4_BITS))
def test_an_ipv4_address_that_browsers_read_is_taken_if_it_is_public(
    notation: str, number: int
) -> None:
    assert (_vetted(V4_NOTATIONS[notation](number)) is not None) == is_public_v4(number)


@pytest.mark.parametrize("notation", ["compressed", "exploded", "in capitals", "with an IPv4 tail"])
@given(number=_numbers(V6_BITS))
def test_an_ipv6_address_in_its_ordinary_notations_is_taken_if_it_is_public(
    notation: str, number: int
) -> None:
    assert (_vetted(f"[{V6_NOTATIONS[notation](number)}]") is not None) == is_public_v6(number)
