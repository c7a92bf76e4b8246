"""Weeks that are told by hand."""

import asyncio
from typing import Any

import pytest

from alerts.bootstrap import open_services
from alerts.domain.ids import HOUSE_APP
from alerts.pipeline.endpoints import Wish, create_webhook
from alerts.settings import Settings
from tests.cli.conftest import Operator

BLOCK = {"weekday": 1, "hour": 9, "time_zone": "Europe/Berlin", "when_empty": "say"}


def digested(operator: Operator) -> str:
    """An endpoint with a digest; its id."""

    async def make() -> str:
        knobs: dict[str, Any] = {name.lower(): set_to for name, set_to in operator.settings.items()}
        settings = Settings(**knobs, trusted_destinations="127.0.0.1:9")
        async with open_services(settings) as services:
            wish = Wish(digest=BLOCK)
            made = await create_webhook(HOUSE_APP, "http://127.0.0.1:9/", wish, desk=services.desk)
            return made.endpoint.id

    return asyncio.run(make())


def test_a_week_is_told_once_when_it_is_due(operator: Operator) -> None:
    endpoint_id = digested(operator)

    early = operator.does("digest", "run")
    next_at = operator.reads("endpoint", "preview", endpoint_id)["next_at"]
    (told,) = operator.reads("digest", "run", "--at", next_at)["data"]
    again = operator.reads("digest", "run", "--at", next_at)["data"]

    assert early == "No digest is due.\n"
    assert (told["endpoint_id"], told["weeks"]) == (endpoint_id, 1)
    assert again == []
    (delivery,) = operator.reads("delivery", "list")["data"]
    assert delivery["event_id"] == told["event_id"]


@pytest.mark.parametrize("moment", ["monday", "2926-11-23T08:00:00Z"], ids=["none", "mistyped"])
def test_a_moment_that_cannot_be_meant_is_refused(operator: Operator, moment: str) -> None:
    endpoint_id = digested(operator)
    next_at = operator.reads("endpoint", "preview", endpoint_id)["next_at"]

    code, said = operator.fails("digest", "run", "--at", moment)

    assert code == 2
    assert said.startswith("gradebell: --at: ")
    assert operator.reads("endpoint", "preview", endpoint_id)["next_at"] == next_at
