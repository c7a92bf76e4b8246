"""What the README says of URLs and headers is what is judged by."""

import re
from pathlib import Path

from alerts.channels.addresses import vet_headers, vet_url
from alerts.channels.networks import HIGHEST_PORT, Trusted
from alerts.errors import InvalidInput

README = (Path(__file__).parent.parent / "README.md").read_text()


def _row(name: str) -> list[str]:
    """What stands as code in a row of the table."""
    (row,) = re.findall(rf"^\| {name} \| (.*) \|$", README, re.MULTILINE)
    return re.findall(r"`([^`]*)`", row)


def _takes_port(port: int) -> bool:
    try:
        vet_url(f"https://example.com:{port}/", https_only=True, trusted=Trusted())
    except InvalidInput:
        return False
    return True


def _takes_header(name: str) -> bool:
    try:
        vet_headers({name: "x"})
    except InvalidInput:
        return False
    return True


def test_the_ports_that_are_refused_are_those_it_names() -> None:
    low, high, first, *refused = (int(port) for port in _row("port"))

    taken = {port for port in range(1, HIGHEST_PORT + 1) if _takes_port(port)}

    assert taken == {low, high, *range(first, HIGHEST_PORT + 1)} - set(refused)


def test_the_headers_it_names_are_refused_and_their_neighbours_are_not() -> None:
    named = _row("headers of yours")
    prefixes = [name for name in named if name.endswith("-")]

    assert [name for name in named if _takes_header(f"{name}x" if name in prefixes else name)] == []
    assert _takes_header("x-team")
    assert _takes_header("authorization")
