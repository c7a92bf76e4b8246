"""`gradebell source …`: where grades come from."""

from collections.abc import Iterator
from typing import Any, Final

from alerts.bootstrap import Services
from alerts.cli.frame import JsonOption, command, group, run
from alerts.cli.show import fields, rows
from alerts.domain.ids import HOUSE_APP
from alerts.pipeline.access import Principal, Scope

sources: Final = group("Sources: where grades come from.")
OPERATOR: Final = Principal(HOUSE_APP, frozenset(Scope), None, None)


@command(sources, "list", example="gradebell source list")
def list_(*, as_json: JsonOption = False) -> None:
    """Say how each source stands, what it brought last, and what it may still be asked."""

    async def work(services: Services) -> None:
        from alerts.api.routes.sources import show_sources  # noqa: PLC0415 - reads all of the API's framework.

        found = (await show_sources(OPERATOR, services)).model_dump(mode="json")
        if as_json:
            fields(found, as_json=True)
            return
        columns = ("source", "kind", "state", "since", "last_cycle", "left", "detail")
        lines = [line for source in found["data"] for line in _lines(source)]
        rows(lines, as_json=False, columns=columns, empty="There is no source yet.")

    run(work)


def _lines(source: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """One for each kind. left: requests of each period that may still be made."""
    left = [f"{budget['left']} this {period}" for period, budget in source["budget"].items()]
    for kind in source["kinds"]:
        last = kind["last_cycle"] and kind["last_cycle"]["as_of"]
        yield {**kind, "source": source["source"], "last_cycle": last, "left": left}
