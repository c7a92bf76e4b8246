"""The rules of `/settings` on Telegram: scores that are told when a followed token crosses them."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Final

from alerts.bots.telegram_says import Said
from alerts.bots.telegram_settings_buttons import BACK, leads, option
from alerts.channels.telegram_buttons import Button
from alerts.channels.telegram_markup import Line, bold, literal, say, typed
from alerts.channels.wording import condition_words, threshold_words
from alerts.domain.grades import Kind, read_hundredths
from alerts.domain.subscriptions import Condition, Filter, Threshold
from alerts.errors import InvalidInput

OFF: Final = frozenset({"off", "none", "no"})
PRESETS: Final = {"above": (7000, 8000, 8500, 9000), "below": (5000, 4000, 3000, 2000)}
FLOORS: Final = (4000, 6000, 8000, 9000)
_SIGNS: Final = {"above": "▲", "below": "▼"}
KINDS: Final = frozenset(kind.value for kind in Kind)
_HIGHEST: Final = 10_000
# What people, and a terminal's `--given`, write between a grade and its lowest score.
_AT_LEAST: Final = frozenset({"is", "above", "at", "least"})


@dataclass(frozen=True, slots=True)
class Ruling:
    """What somebody chose of rules. change: None where it is not clear. shows: what is said then.

    Both are of what is told: as it is when it is changed, and after that.
    """

    change: Callable[[Filter], Filter] | None
    shows: Callable[[Filter], Said]


@dataclass(frozen=True, slots=True)
class Rule:
    """One score to be told of. side: `above` or `below`. score: hundredths; None ends it."""

    kind: Kind
    side: str
    score: int | None

    def of(self, wanted: Filter) -> Filter:
        """A filter with this rule in it."""
        named = _named(wanted, self.kind)
        named = (
            replace(named, above=self.score)
            if self.side == "above"
            else replace(named, below=self.score)
        )
        others = [each for each in wanted.thresholds if each.kind is not self.kind]
        every = others if named == Threshold(self.kind) else [*others, named]
        return replace(wanted, thresholds=tuple(sorted(every, key=lambda each: each.kind)))


@dataclass(frozen=True, slots=True)
class While:
    """That a kind is told only while the other one is at least so high.

    kind: of the other one. at_least: hundredths; None ends it.
    """

    kind: Kind
    at_least: int | None

    def of(self, wanted: Filter) -> Filter:
        """A filter with this condition in it."""
        given = [each for each in wanted.given if each.kind is not self.kind]
        if self.at_least is not None:
            given.append(Condition(self.kind, self.at_least))
        return replace(wanted, given=tuple(sorted(given, key=lambda each: each.kind)))


def score_ruling(wanted: Filter, text: str) -> Ruling:
    """A score as a button says it, or as it was typed."""
    rule = read_rule(text.casefold().replace("_", " ").split(), wanted.kinds)
    if rule is None:
        return Ruling(None, lambda now: rules(now, unread=text))
    return Ruling(rule.of, lambda now: rules_of(now, rule.kind))


def while_ruling(_wanted: Filter, text: str) -> Ruling:
    """What the other grade must be, as a button says it, or as it was typed."""
    read = read_while(text.casefold().replace("_", " ").split())
    if read is None:
        return Ruling(None, lambda now: rules(now, unread=f"while {text}"))
    (told,) = (kind for kind in Kind if kind is not read.kind)
    return Ruling(read.of, lambda now: rules_of(now, told))


def read_while(words: Iterable[str]) -> While | None:
    """A condition as it is typed, or as a button says it: `fundamental 80`; None if unclear."""
    said = [word for word in words if word not in _AT_LEAST]
    match sorted(said, key=lambda word: word not in KINDS):
        case [kind, text] if kind in KINDS:
            if text in OFF:
                return While(Kind(kind), None)
            score = _score(text)
            return None if score is None else While(Kind(kind), score)
        case _:
            return None


def read_rule(words: Iterable[str], kinds: Iterable[Kind]) -> Rule | None:
    """A rule as it is typed, or as a button says it, such as `above 85 trader`; None if unclear.

    kinds: that are told anyway; where it is one, it need not be named.
    """
    every = list(words)
    rest = [word for word in every if word not in KINDS]
    named = [word for word in every if word in KINDS] or [kind.value for kind in kinds]
    match named, rest:
        case [[kind], [("above" | "below") as side, text]]:
            if text in OFF:
                return Rule(Kind(kind), side, None)
            score = _score(text)
            return None if score is None else Rule(Kind(kind), side, score)
        case _:
            return None


def rules(wanted: Filter, *, unread: str = "") -> Said:
    """Which scores are told, and a button for each kind. unread: what was typed instead."""
    lines: list[Line] = []
    if unread:
        lines.append([bold(f"I cannot read {literal(unread)} as a rule.")])
    lines += [
        [bold("Scores to be told of: "), bold(_scores(wanted))],
        *([say(held_back(each).capitalize())] for each in wanted.given),
        [say("Of a followed token, each time its grade goes past one. Choose a grade, or type")],
        [typed("/settings above 85 trader")],
        [typed("/settings above off trader")],
        [typed("/settings while fundamental 80")],
    ]
    kinds = tuple(leads(f"{kind.value.capitalize()} ›", f"rules.{kind.value}") for kind in Kind)
    return Said(lines=lines, buttons=(kinds, BACK))


def rules_of(wanted: Filter, kind: Kind) -> Said:
    """The scores of one kind, by thumb."""
    named = _named(wanted, kind)
    lines: list[Line] = [
        [bold(f"Tell me when a {kind.value} grade goes to …")],
        [say("▲ this score or above, or ▼ below it. Press a chosen one again to end it.")],
    ]
    (other,) = (each for each in Kind if each is not kind)
    lines.append([say(f"{kind.value.capitalize()} news only while {other.value} is at least …")])
    if kind not in wanted.kinds:
        lines.append([say(f"Just now no {kind.value} grades are told: see Grades.")])
    rows = (_presets(kind, "above", named.above), _presets(kind, "below", named.below))
    return Said(lines=lines, buttons=(*rows, _floors(wanted, other), (leads("‹ Scores", "rules"),)))


def scores_said(wanted: Filter) -> str:
    """Which scores are told, and while what, in one line."""
    asked = [held_back(each) for each in wanted.given]
    return "; ".join((_scores(wanted), *asked))


def held_back(asked: Condition) -> str:
    """What a condition holds back, such as "trader news only while fundamental is at least 80"."""
    (told,) = (kind for kind in Kind if kind is not asked.kind)
    return f"{told.value} news only while {condition_words(asked)}"


def _scores(wanted: Filter) -> str:
    return ", ".join(map(threshold_words, wanted.thresholds)) or "none"


def _named(wanted: Filter, kind: Kind) -> Threshold:
    return next((each for each in wanted.thresholds if each.kind is kind), Threshold(kind))


def _score(text: str) -> int | None:
    try:
        score = read_hundredths(text, field="score")
    except InvalidInput:
        return None
    return score if score is not None and 0 < score <= _HIGHEST else None


def _presets(kind: Kind, side: str, held: int | None) -> tuple[Button, ...]:
    """The usual scores, and the one that was typed."""
    scores = sorted({*PRESETS[side], *(() if held is None else (held,))})
    return tuple(_button(kind, side, score, is_chosen=score == held) for score in scores)


def _floors(wanted: Filter, other: Kind) -> tuple[Button, ...]:
    held = next((each.at_least for each in wanted.given if each.kind is other), None)
    buttons = []
    for score in sorted({*FLOORS, *(() if held is None else (held,))}):
        said, is_chosen = f"{score / 100:g}", score == held
        subject = f"while.{other.value}_{'off' if is_chosen else said}"
        buttons.append(option(f"≥ {said}", subject, is_chosen=is_chosen))
    return tuple(buttons)


def _button(kind: Kind, side: str, score: int, *, is_chosen: bool) -> Button:
    """One that is chosen ends it."""
    said = f"{score / 100:g}"
    subject = f"score.{side}_{'off' if is_chosen else said}_{kind.value}"
    return option(f"{_SIGNS[side]} {said}", subject, is_chosen=is_chosen)
