"""Secrets are read with the claim, and again where a send that hangs makes a turn last."""

from datetime import timedelta

import pytest

from alerts.bootstrap import Services
from alerts.pipeline.claim import claim
from alerts.pipeline.secrets import revoke, rotate_secret, signing_now
from alerts.pipeline.turn import TURN_SECONDS, refill, turn_of
from tests.pipeline.conftest import subscribe, upgrade_tokens
from tests.receiver import Receiver


@pytest.mark.parametrize("is_revoked", [False, True], ids=["kept", "revoked"])
async def test_a_turn_that_lasts_signs_nothing_with_a_secret_that_was_revoked(
    services: Services, receiver: Receiver, *, is_revoked: bool
) -> None:
    endpoint = (await subscribe(services, receiver.url())).endpoint.id
    await rotate_secret(endpoint, timedelta(days=1), app_id=None, desk=services.desk)
    await upgrade_tokens(services, ["a"])
    async with services.store.write() as tx:
        (lane,) = await claim(tx, services.rules, limit=1)
    turn = turn_of(lane, began=0.0, lease=services.rules.lease)
    # What it has hangs, and something new comes.
    turn.waiting.clear()
    turn.in_flight = 1
    await upgrade_tokens(services, ["a"], since=2)
    _, older = await signing_now(endpoint, app_id=None, store=services.store)
    if is_revoked:
        await revoke(endpoint, older.id, app_id=None, store=services.store)

    async with services.store.write() as tx:
        taken = await refill(tx, [turn], rules=services.rules, now=TURN_SECONDS)

    assert bool(taken) is not is_revoked
    # One that is stopped gives its lane back, and is claimed with the secrets there are.
    assert turn.is_stopped is is_revoked
