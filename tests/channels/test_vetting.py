"""A URL is judged when it is registered: as text, and by where its name leads."""

import asyncio
import socket
from collections.abc import Sequence

import pytest

from alerts.channels.guard import Lookup
from alerts.channels.networks import Trusted
from alerts.channels.vetting import open_vetting
from alerts.errors import InvalidInput
from tests.channels.names import PUBLIC, HangingNames, Names


async def _vet(url: str, lookup: Lookup, *, trusted: str = "", lookup_seconds: float = 10) -> str:
    async with open_vetting(
        https_only=True,
        trusted=Trusted.parse(trusted),
        lookup=lookup,
        lookup_seconds=lookup_seconds,
    ) as vet:
        return await vet(url)


async def test_a_name_that_leads_to_public_addresses_only_is_taken_in_its_normal_form() -> None:
    names = Names([PUBLIC, "2606:4700::1111"])

    assert await _vet("HTTPS://Shop.Example./hook", names) == "https://shop.example/hook"
    assert names.asked == ["shop.example"]


async def test_a_name_is_looked_up_as_it_is_sent_to() -> None:
    names = Names([PUBLIC])

    assert await _vet("https://straße.example/", names) == "https://xn--strae-oqa.example/"
    assert names.asked == ["xn--strae-oqa.example"]


@pytest.mark.parametrize(
    "answer",
    [
        ["10.0.0.1"],
        [PUBLIC, "127.0.0.1"],
        ["169.254.169.254", PUBLIC],
        ["2606:4700::1111", "fd00:ec2::254"],
        [PUBLIC, "64:ff9b::1.1.1.1"],
        [PUBLIC, "::ffff:1.1.1.1"],
    ],
    ids=str,
)
async def test_a_name_with_any_forbidden_answer_is_refused_without_telling_which(
    answer: list[str],
) -> None:
    with pytest.raises(InvalidInput, match="the name leads to an address that is") as refusal:
        await _vet("https://inside.example/hook", Names(answer))

    assert refusal.value.field == "url"
    assert not any(address in str(refusal.value) for address in answer)


async def test_a_name_nobody_knows_or_that_is_slow_is_taken_for_it_is_judged_again() -> None:
    def unknown(host: str) -> Sequence[str]:
        raise socket.gaierror(socket.EAI_NONAME, f"{host} not known")

    slow = HangingNames()
    try:
        async with asyncio.timeout(10):
            urls = [
                await _vet("https://new.example/", unknown),
                await _vet("https://slow.example/", slow, lookup_seconds=0.05),
            ]
    finally:
        slow.over.set()

    assert urls == ["https://new.example/", "https://slow.example/"]


async def test_what_is_trusted_may_lead_inside_and_an_address_is_not_looked_up() -> None:
    names = Names(["10.1.2.3"])
    trusted = "receiver:9000,10.1.0.0/16:443"

    assert await _vet("https://receiver:9000/", names, trusted=trusted)
    assert await _vet("https://inside.example/", names, trusted=trusted)
    with pytest.raises(InvalidInput):
        await _vet("https://inside.example:8443/", names, trusted=trusted)

    names.asked.clear()
    await _vet("https://1.1.1.1/", names)
    await _vet("https://[2606:4700::1111]:8443/", names)
    assert names.asked == []
