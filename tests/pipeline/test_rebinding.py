"""A name that leads outside while it is judged and inside when it is sent to reaches nobody."""

import pytest

from alerts.domain.deliveries import State
from alerts.errors import InvalidInput
from alerts.pipeline.endpoints import change_endpoint
from tests.channels.names import PUBLIC, Names
from tests.pipeline.conftest import (
    OpenServices,
    dispatch,
    log_of,
    subscribe,
    tries,
    upgrade_tokens,
)
from tests.receiver import Receiver


async def test_an_answer_that_flips_between_registration_and_connection_reaches_nobody(
    open_with: OpenServices,
) -> None:
    names = Names([PUBLIC], ["127.0.0.1"])
    services = await open_with(https_only=False, lookup=names)
    async with Receiver() as inside:
        await subscribe(services, f"http://flip.example:{inside.port}/hook")
        await upgrade_tokens(services, ["a"])

        await dispatch(services)

        (delivery,) = await log_of(services)
        (attempt,) = await tries(services, delivery)
        assert names.asked == ["flip.example"] * 2
        assert (delivery.state, delivery.reason) == (State.DEAD, "blocked_address")
        assert attempt.detail == "the name leads to an address that is loopback"
        assert attempt.remote_address is None
        assert inside.requests == []


async def test_an_endpoint_is_neither_made_nor_moved_where_a_name_leads_inside(
    open_with: OpenServices,
) -> None:
    services = await open_with(lookup=Names([PUBLIC], [PUBLIC, "10.0.0.1"]))
    made = await subscribe(services, "https://outside.example/hook")

    with pytest.raises(InvalidInput, match="private"):
        await subscribe(services, "https://inside.example/hook")
    with pytest.raises(InvalidInput, match="private"):
        await change_endpoint(
            made.endpoint.id,
            lambda old: old,
            app_id=None,
            desk=services.desk,
            url="https://inside.example/hook",
        )
