"""Several changes of one cycle as one Discord message: a line each, while there is room."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from alerts.channels.discord_digests import FOOTER
from alerts.channels.discord_embeds import DESCRIPTION, DiscordMessage, Page
from alerts.channels.discord_events import DOWN, NEUTRAL, UP, title_of
from alerts.channels.discord_text import counted, moment, points, signed, width
from alerts.channels.wording import mass_words, start_of
from alerts.domain.digests import Rung, read_rung
from alerts.domain.events import EventType

Event = Mapping[str, Any]
# Changes that a message of several shows; more are counted.
ROWS_SHOWN: Final = 40

_UPWARD: Final = frozenset({EventType.UPGRADED, EventType.ROSE})
_DOWNWARD: Final = frozenset({EventType.DOWNGRADED, EventType.FELL})


def render_summary(events: Sequence[Event]) -> DiscordMessage:
    """Payloads, parsed, oldest first, within Discord's limits."""
    types = [EventType(event["type"]) for event in events]
    up, down = (sum(each in way for each in types) for way in (_UPWARD, _DOWNWARD))
    parts = [f"▲ {up} up" if up else "", f"▼ {down} down" if down else ""]
    counts = " · ".join(part for part in parts if part)
    page = Page(
        UP if up == len(types) else DOWN if down == len(types) else NEUTRAL,
        f"{counted(len(types), 'change')}{': ' if counts else ''}{counts}",
        description=_lines(events),
        footer=FOOTER,
    )
    return DiscordMessage((page.embed(),))


def _lines(events: Sequence[Event]) -> str:
    mass = [said for event in events if (said := mass_words(event["data"]))]
    is_mixed = len({event["data"].get("kind") for event in events}) > 1
    ending = _as_of(events)
    said = "\n".join(mass[-1:])
    room = DESCRIPTION - width(said) - width(ending) - len(f"\n\n\nand {len(events):,} more")
    left = len(events)
    for event in events[:ROWS_SHOWN]:
        row = _row(event, is_mixed=is_mixed)
        room -= width(row) + 1
        if room < 0:
            break
        said = f"{said}\n{row}" if said else row
        left -= 1
    more = f"and {left:,} more" if left else ""
    return "\n".join(part for part in (said, more, ending) if part)


def _row(event: Event, *, is_mixed: bool) -> str:
    data = event["data"]
    title = title_of(EventType(event["type"]), data)
    before, after = _rungs(data)
    start = start_of(data) if "window" in data else None
    kind = f" ({data['kind']})" if is_mixed and "kind" in data else ""
    if before is None or after is None:
        return f"{title}{kind}"
    if start is not None:
        return f"{title}{kind} · {points(start.score)} → {points(after.score)}"
    return f"{title}{kind} · {points(after.score)} ({signed(after.score - before.score)})"


def _as_of(events: Sequence[Event]) -> str:
    stood = [after or before for before, after in (_rungs(event["data"]) for event in events)]
    newest = max((rung.as_of for rung in stood if rung is not None), default=None)
    return "" if newest is None else f"As of {moment(newest)}"


def _rungs(data: Mapping[str, Any]) -> tuple[Rung | None, Rung | None]:
    return read_rung(data.get("from")), read_rung(data.get("to"))
