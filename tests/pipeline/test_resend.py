"""A resend of what waits to be retried."""

import pytest

from alerts.bootstrap import Services
from alerts.domain.deliveries import State
from alerts.errors import Conflict
from tests.pipeline.conftest import dispatch, log_of, subscribe, tries, upgrade_tokens
from tests.pipeline.test_replay import again
from tests.receiver import Receiver, Reply


async def test_a_resend_of_what_waits_for_its_next_try_is_made_now(
    services: Services, receiver: Receiver
) -> None:
    receiver.script("/", Reply(500), Reply(500), Reply())
    await subscribe(services, receiver.url("/"))
    await upgrade_tokens(services, ["a"])
    await dispatch(services)
    (waiting,) = await log_of(services)

    hastened = await again(services, waiting)
    with pytest.raises(Conflict, match="on its way already"):
        await again(services, waiting)
    await dispatch(services)

    assert waiting.state == State.PENDING
    assert hastened.due_at < waiting.due_at
    (delivery,) = await log_of(services)
    attempts = await tries(services, delivery)
    assert [(one.number, one.trigger) for one in attempts] == [(1, "schedule"), (2, "manual")]
