"""What `gradebell up` says while it runs: a few lines for each cycle, made of wide events."""

import asyncio
import errno
import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from rich.console import Console
from rich.text import Text

from alerts.cli.receiver import Receipt
from alerts.cli.wording import day, headline, plural, printable
from alerts.domain.deliveries import Channel
from alerts.domain.events import BAND_CHANGES
from alerts.domain.grades import Kind
from alerts.store.engine import Store
from alerts.store.events import current_sequence, list_events
from alerts.store.tokens import bearers_of, fold
from alerts.store.watermarks import read_watermark
from alerts.telemetry import Step

# Changes of one cycle that get a line each.
SHOWN: Final = 6
# Events of one cycle that are looked at at all.
READ: Final = 2000
# How long a cycle waits for its last delivery before it is summed up without it.
PATIENCE_SECONDS: Final = 5.0
# A wait for which nobody sits before the screen, and what ends it.
LONG_WAIT_SECONDS: Final = 600
ASK_AT_ONCE: Final = "gradebell cycle run"


@dataclass(slots=True)
class Story:
    """One cycle from its change to its deliveries. slowest_ms: from recorded to verified."""

    events: frozenset[str]
    began: float
    owed: int = 0
    is_fanned_out: bool = False
    outcomes: Counter[str] = field(default_factory=Counter)
    verified: int = 0
    refused: int = 0
    slowest_ms: float = 0.0

    @property
    def is_complete(self) -> bool:
        """Whether every delivery of it was tried."""
        return self.is_fanned_out and self.outcomes.total() >= self.owed


class Paper(Console):
    """A console whose reader may go away, which ends the work in order and not in the middle."""

    def __init__(self) -> None:
        super().__init__(soft_wrap=True, highlight=False)

    def on_broken_pipe(self) -> None:
        """Called by rich, which would exit at once. Raises BrokenPipeError instead."""
        try:
            super().on_broken_pipe()
        except SystemExit:
            raise BrokenPipeError(errno.EPIPE, "nobody reads what is printed") from None


class View:
    """Prints cycle by cycle. Hearing never waits and never fails: only `run` prints."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._heard: asyncio.Queue[Mapping[str, Any] | Receipt | None] = asyncio.Queue()
        self._stories: dict[str, Story] = {}
        self._sequence = 0

    def hear(self, facts: Mapping[str, Any]) -> None:
        """Take a wide event in."""
        self._heard.put_nowait(dict(facts))

    def receive(self, receipt: Receipt) -> None:
        """Take in what the sample receiver got."""
        self._heard.put_nowait(receipt)

    def end(self) -> None:
        """Let `run` print what it has heard, and return."""
        self._heard.put_nowait(None)

    def say(self, line: str | Text = "") -> None:
        """Print one line, at once."""
        self._console.print(line)

    async def run(self, store: Store) -> None:
        """Print until `end`."""
        async with store.read() as tx:
            self._sequence = await current_sequence(tx)
        loop = asyncio.get_running_loop()
        while True:
            try:
                async with asyncio.timeout(PATIENCE_SECONDS / 5 if self._stories else None):
                    heard = await self._heard.get()
            except TimeoutError:
                self._sum_up(loop.time() - PATIENCE_SECONDS)
                continue
            if heard is None:
                self._sum_up(loop.time())
                return
            if isinstance(heard, Receipt):
                self._count(heard)
            else:
                await self._tell(heard, store, loop.time())
            self._sum_up(loop.time() - PATIENCE_SECONDS)

    async def _tell(self, facts: Mapping[str, Any], store: Store, now: float) -> None:
        match facts.get("event"):
            case Step.CYCLE_DIFFED:
                await self._diffed(facts, store, now)
            case Step.CYCLE_FANNED_OUT if story := self._stories.get(facts["cycle"]):
                story.owed += facts["deliveries"]
                story.is_fanned_out = facts["done"]
            case Step.DELIVERY_ATTEMPTED:
                for story in self._stories.values():
                    if facts["event_id"] in story.events:
                        story.outcomes[facts["outcome"]] += 1
            case Step.BOT_STARTED:
                self._introduce(facts)
            case _ if told := _trouble(facts):
                self.say(Text.assemble(("! ", "yellow"), told))

    def _introduce(self, facts: Mapping[str, Any]) -> None:
        """Where a bot is, and the link that leads to it."""
        if facts["channel"] == Channel.TELEGRAM:
            self.say(f"The bot is on Telegram: {facts['link']}")
            return
        self.say(f"The bot is on Discord, in {plural(facts['guilds'], 'server')}. Invite it:")
        self.say(f"  {facts['invite']}")

    async def _diffed(self, facts: Mapping[str, Any], store: Store, now: float) -> None:
        title = f"{day(datetime.fromisoformat(facts['as_of']))} {facts['kind']}"
        counted = f"{facts['tokens']} grades"
        if facts["rejected"]:
            counted += f", {facts['rejected']} rows left out"
        head = Text.assemble((title, "bold"), f"  {printable(facts['source'])}: {counted}")
        if facts["held"]:
            advice = f"gradebell cycle release {facts['cycle']}"
            self.say(head.append(f"; held ({facts['held']}), decide: {advice}"))
            return
        events = await self._events(facts["cycle"], store) if facts["events"] else []
        if not events:
            is_first = await _is_first(facts, store)
            told = "the first cycle, which others are compared with" if is_first else "no change"
            self.say(head.append(f", {told}"))
            return
        self.say(head.append(f", {plural(len(events), 'change')}"))
        self._list_changes(events, await _shared_symbols(events, store))
        ids = frozenset(event["id"] for event in events)
        self._stories[facts["cycle"]] = Story(ids, began=now)

    async def _events(self, cycle_id: str, store: Store) -> list[dict[str, Any]]:
        async with store.read() as tx:
            found = await list_events(tx, after=self._sequence, limit=READ, app_id=None)
        self._sequence = max([self._sequence, *(event.sequence for event in found)])
        return [json.loads(event.body) for event in found if event.cycle_id == cycle_id]

    def _list_changes(self, events: list[dict[str, Any]], shared: frozenset[str]) -> None:
        events.sort(key=_weight, reverse=True)
        for event in events[:SHOWN]:
            self.say(Text("  ").append_text(headline(event, shared=shared)))
        rest = Counter(event["type"].partition(".")[2] for event in events[SHOWN:])
        if rest:
            kinds = ", ".join(f"{count} {kind}" for kind, count in rest.most_common())
            self.say(Text(f"  … and {rest.total()} more ({kinds})", "dim"))

    def _count(self, receipt: Receipt) -> None:
        for story in self._stories.values():
            if receipt.message_id not in story.events:
                continue
            if not receipt.verified or receipt.payload is None:
                story.refused += 1
                continue
            story.verified += 1
            recorded_at = datetime.fromisoformat(receipt.payload["recorded_at"])
            took = (receipt.at - recorded_at).total_seconds() * 1000
            story.slowest_ms = max(story.slowest_ms, took)

    def _sum_up(self, before: float) -> None:
        """Close the stories that are complete, or that began before a time."""
        for cycle_id, story in list(self._stories.items()):
            if story.is_complete or story.began <= before:
                del self._stories[cycle_id]
                if story.owed:
                    self.say(_summary(story))


async def _is_first(facts: Mapping[str, Any], store: Store) -> bool:
    """Whether nothing came before: parts of the first cycle have one date."""
    async with store.read() as tx:
        mark = await read_watermark(tx, facts["source"], Kind(facts["kind"]))
    return mark.first_as_of == datetime.fromisoformat(facts["as_of"])


async def _shared_symbols(events: list[dict[str, Any]], store: Store) -> frozenset[str]:
    """Those of these events' symbols that several tokens bear."""
    symbols = {event["data"]["token"]["symbol"] for event in events if "token" in event["data"]}
    async with store.read() as tx:
        bearers = await bearers_of(tx, map(fold, symbols))
    return frozenset(symbol for symbol in symbols if len(bearers.get(fold(symbol), [])) > 1)


def _trouble(facts: Mapping[str, Any]) -> str | None:
    """What a wide event complains of, where it does."""
    match facts.get("event"):
        case Step.SOURCE_TROUBLED:
            return troubled(
                facts["kind"], facts["state"], wait=facts["wait_seconds"], detail=facts["detail"]
            )
        case Step.BREAKER_OPENED:
            told = f"{facts['endpoint']} failed {facts['failures']} times in a row"
            return f"{told}: one delivery now and then probes it"
        case Step.ENDPOINT_DISABLED:
            return f"{facts['endpoint']} is disabled: {facts['reason']}"
        case Step.BOT_REFUSED:
            return f"The bot on {facts['channel'].title()} is refused: {facts['problem']}"
    return None


def troubled(kind: str, state: str, *, wait: float, detail: str | None) -> str:
    """How a kind of the source that is polled stands. wait: seconds to the next try."""
    told = f"{kind}: {state}, next try in {wait:.0f} s ({detail})"
    return f"{told}; once it is mended: {ASK_AT_ONCE}" if wait >= LONG_WAIT_SECONDS else told


def _summary(story: Story) -> Text:
    delivered = story.outcomes["delivered"]
    is_well = delivered == story.owed and not story.refused
    told = f"{delivered} delivered" if is_well else f"{delivered} of {story.owed} delivered so far"
    for outcome, count in story.outcomes.items():
        if outcome != "delivered":
            told += f", {count} {outcome}"
    told += f"; {story.verified} verified by the sample receiver"
    if story.refused:
        told += f", {story.refused} refused"
    if story.verified:
        told += f", slowest {story.slowest_ms:.0f} ms after the change"
    return Text.assemble("  ", ("✓ ", "green") if is_well else ("! ", "yellow"), told)


def _weight(event: Mapping[str, Any]) -> tuple[bool, float, float]:
    """Changes of band first, then by how far they go."""
    facts = event["data"]
    notches, delta = facts.get("notches") or 0, facts.get("delta") or 0
    return event["type"] in BAND_CHANGES, abs(notches), abs(delta)
