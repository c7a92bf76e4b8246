"""Rows as faults leave them. Fields are found in whichever case the profile writes them."""

from collections.abc import Callable, Sequence

from alerts.sources.sandbox.faults import Due, Effect
from alerts.sources.sandbox.generator import Stream
from alerts.sources.sandbox.roster import SandboxToken
from alerts.sources.sandbox.rows import Row

Listed = tuple[SandboxToken, Row]
HIGHEST_GRADE = 100
PRIMARY_FIELDS = frozenset({"TM_GRADE", "TM_TRADER_GRADE", "FUNDAMENTAL_GRADE"})
_GARBAGE = ("NaN", "n/a", "-")
_OUTSIDE = (101, -3, 1e9)


def spoil_rows(faults: Sequence[Due], rows: list[Listed]) -> list[Listed]:
    """The rows as these faults leave them; the given ones stay as they are."""
    for due in faults:
        change = _ROW_CHANGES.get(due.effect)
        if due.effect is Effect.SYMBOL_SWAP:
            rows = _swapped(due, rows)
        elif change is not None:
            rows = [
                (token, spoilt)
                for token, row in rows
                for spoilt in (change(due, row, token) if due.hits(token.id) else [row])
            ]
    return rows


def cut_page(faults: Sequence[Due], rows: list[Listed], *, page: int, limit: int) -> list[Row]:
    """One page of the rows, as far as these faults let it be one."""
    effects = {due.effect for due in faults}
    if Effect.PAGE_SHIFT in effects and page > 1 and len(rows) > limit:
        # One of the later rows has moved to the front since the first page was read.
        rows = [rows[limit], *rows[:limit], *rows[limit + 1 :]]
    found = [row for _, row in rows[(page - 1) * limit : page * limit]]
    return found[: len(found) // 2] if Effect.PARTIAL_PAGE in effects else found


def moved(value: object, points: int) -> object:
    """A grade so many points higher, or lower where it would pass 100; text stays text."""
    before = float(str(value))
    after = before + (points if before + points <= HIGHEST_GRADE else -points)
    return f"{after:.2f}" if isinstance(value, str) else round(after, 2)


def _is_primary(field: str) -> bool:
    return field.upper() in PRIMARY_FIELDS


def _with_primary(row: Row, change: Callable[[object], object]) -> list[Row]:
    return [{field: change(v) if _is_primary(field) else v for field, v in row.items()}]


def _with(row: Row, **values: object) -> list[Row]:
    """Other values in those of these fields that there are. values: by name in upper case."""
    return [{field: values.get(field.upper(), v) for field, v in row.items()}]


def _restated(due: Due, row: Row, _: SandboxToken) -> list[Row]:
    return _with_primary(row, lambda value: moved(value, due.fault.points))


def _twinned(due: Due, row: Row, token: SandboxToken) -> list[Row]:
    return [row, *_restated(due, row, token)]


def _flapped(due: Due, row: Row, token: SandboxToken) -> list[Row]:
    is_away = ((due.now - due.began).total_seconds() // 3600) // due.fault.hours % 2
    return _restated(due, row, token) if is_away else [row]


def _moved_with_others(due: Due, row: Row, token: SandboxToken) -> list[Row]:
    is_one = Stream("mass-move", token.id).below(100) < due.fault.percent
    return _restated(due, row, token) if is_one else [row]


def _renamed(due: Due, row: Row, _: SandboxToken) -> list[Row]:
    return _with(row, TOKEN_SYMBOL=due.fault.symbol, TOKEN_NAME=due.fault.name)


def _swapped(due: Due, rows: list[Listed]) -> list[Listed]:
    first, second = due.fault.tokens
    labels = {
        token.id: {field.upper(): value for field, value in row.items() if field.upper() in _LABELS}
        for token, row in rows
        if token.id in due.fault.tokens
    }
    other = {first: labels.get(second, {}), second: labels.get(first, {})}
    return [(token, _with(row, **other.get(token.id, {}))[0]) for token, row in rows]


def _twin_in_other_case(_: Due, row: Row, token: SandboxToken) -> list[Row]:
    twins: Row = {field.swapcase(): "1" for field in row if _is_primary(field)}
    link = "https://app.tokenmetrics.com/undefined"
    return [{**twins, **row, "tm_link": token.slug, "TM_LINK": link}]


def _as_text(value: object) -> object:
    return str(value) if isinstance(value, int | float) else value


def _shortened(date: object) -> str:
    return str(date)[:10]


_LABELS = frozenset({"TOKEN_SYMBOL", "TOKEN_NAME"})
_ROW_CHANGES: dict[Effect, Callable[[Due, Row, SandboxToken], list[Row]]] = {
    Effect.EMPTY: lambda *_: [],
    Effect.ABSENT: lambda *_: [],
    Effect.DUPLICATE: lambda _, row, __: [row, row],
    Effect.TWIN: _twinned,
    Effect.NULL_GRADE: lambda _, row, __: _with_primary(row, lambda ___: None),
    Effect.MISSING_FIELD: lambda _, row, __: [{f: v for f, v in row.items() if not _is_primary(f)}],
    Effect.NAN_STRING: lambda _, row, t: _with_primary(row, lambda __: _GARBAGE[t.id % 3]),
    Effect.NUMERIC_STRING: lambda _, row, __: [
        {f: v if f.upper() == "TOKEN_ID" else _as_text(v) for f, v in row.items()}
    ],
    Effect.INT_FOR_FLOAT: lambda _, row, __: _with_primary(row, lambda v: int(float(str(v)))),
    Effect.OUT_OF_RANGE: lambda _, row, t: _with_primary(row, lambda __: _OUTSIDE[t.id % 3]),
    Effect.ADDED_FIELD: lambda _, row, __: [{"BRAND_NEW": {"deep": [1, None]}, **row, "": 1e300}],
    Effect.LOWER_CASE: lambda _, row, __: [
        {f.swapcase() if _is_primary(f) else f: v for f, v in row.items()}
    ],
    Effect.CASE_TWIN: _twin_in_other_case,
    Effect.NEW_CLASS: lambda _, row, __: _with(row, FUNDAMENTAL_GRADE_CLASS="Unheard Of"),
    Effect.NEW_SIGNAL: lambda _, row, __: _with(row, TM_GRADE_SIGNAL="Unheard Of"),
    Effect.RESTATE: _restated,
    Effect.FLAP: _flapped,
    Effect.MASS_MOVE: _moved_with_others,
    Effect.RENAME: _renamed,
    Effect.FUTURE: lambda _, row, __: _with(row, DATE="2999-01-01T00:00:00.000Z"),
    Effect.BARE_DATE: lambda _, row, __: [
        {f: _shortened(v) if f.upper() == "DATE" else v for f, v in row.items()}
    ],
}
