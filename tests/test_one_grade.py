"""Edge to edge: a grade goes up, and whoever asked is told, by a signature anybody can check."""

import base64
import json
from datetime import UTC, datetime

from pydantic import SecretStr
from standardwebhooks.webhooks import Webhook

from alerts.bootstrap import open_services
from alerts.domain.deliveries import State
from alerts.domain.grades import Kind, read_grade, source_name
from alerts.domain.ids import HOUSE_APP
from alerts.domain.readings import Reading
from alerts.pipeline.diff import diff_cycle
from alerts.pipeline.endpoints import Wish, create_webhook
from alerts.pipeline.fan_out import fan_out_events
from alerts.pipeline.receive import receive
from alerts.store.cipher import new_encryption_key
from alerts.store.cycles import Origin
from alerts.store.deliveries import list_attempts
from alerts.store.log import LogFilter, list_deliveries
from tests.given import Given
from tests.receiver import Receiver

SOURCE = source_name("demo")


async def test_an_upgrade_is_one_signed_webhook_and_one_line_in_the_log(database_url: str) -> None:
    async with Receiver() as receiver:
        settings = Given(
            database_url=database_url,
            admin_key=SecretStr("admin-key-of-a-test"),
            encryption_keys=SecretStr(new_encryption_key()),
            trusted_destinations=receiver.destination,
            source="none",
        )
        async with open_services(settings) as services:
            made = await create_webhook(
                HOUSE_APP, receiver.url("/hook"), Wish(), desk=services.desk
            )

            for as_of, score in (
                (datetime(2026, 1, 1, tzinfo=UTC), 78.9),
                (datetime(2026, 1, 2, tzinfo=UTC), 83.1),
            ):
                row = {"token_id": 3375, "symbol": "BTC", "name": "Bitcoin", "score": score}
                async with services.store.write() as tx:
                    (cycle,) = await receive(
                        tx,
                        Reading({as_of: (read_grade(SOURCE, row),)}),
                        source=SOURCE,
                        kind=Kind.FUNDAMENTAL,
                        complete=True,
                        origin=Origin.PUSH,
                    )
                await diff_cycle(cycle, store=services.store, ladder=services.ladder)
            await fan_out_events(store=services.store, waker=services.waker)
            await services.dispatcher().run_until_idle()

            (request,) = receiver.requests
            secret = "whsec_" + base64.b64encode(made.secret).decode()
            told = Webhook(secret).verify(request.body, request.headers)
            async with services.store.read() as tx:
                (delivery,) = await list_deliveries(
                    tx, LogFilter(), app_id=HOUSE_APP, before=None, limit=10
                )
                (attempt,) = await list_attempts(tx, delivery.id)

    assert told == json.loads(request.body)
    assert (told["type"], told["sequence"]) == ("grade.upgraded", 1)
    assert told["data"]["token"] == {"id": "demo:3375", "symbol": "BTC", "name": "Bitcoin"}
    assert (told["data"]["from"]["band"], told["data"]["to"]["band"]) == ("Emerging", "Blue Chip")
    assert told["data"]["delta"] == 4.2
    assert request.headers["webhook-id"] == told["id"] == delivery.event_id
    assert request.headers["gradebell-endpoint"] == delivery.endpoint_id == made.endpoint.id
    assert request.headers["gradebell-delivery"] == delivery.id
    assert (delivery.state, delivery.attempts) == (State.DELIVERED, 1)
    assert (attempt.outcome, attempt.status_code, attempt.number) == ("delivered", 204, 1)
