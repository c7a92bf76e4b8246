"""Cycles from a file: CSV with a header, or NDJSON, a grade a line."""

import csv
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

import msgspec

from alerts.domain.grades import Grade, Kind, SourceName, TokenId, read_as_of, read_grade, read_kind
from alerts.domain.nearest import nearest
from alerts.domain.readings import RejectedRow, shown_id, unique, unread_tokens
from alerts.errors import InvalidInput, TooLarge

COLUMNS = ("kind", "as_of", "token_id", "symbol", "name", "score", "class", "components")
REQUIRED_COLUMNS = ("kind", "as_of", "token_id", "score")
COMPONENT_COLUMN = "component."
LONGEST_LINE_BYTES = 1024 * 1024
LINES_A_PROGRESS = 1000
# A file that is wrong on every line says so a thousand times; the rest is counted.
LISTED_REJECTIONS = 1000
STANDARD_INPUT = Path("-")

# (bytes read so far, bytes in all)
Progress = Callable[[int, int], None]
_Record = tuple[int, dict[str, object] | str]
_Key = tuple[Kind, datetime]


@dataclass(frozen=True, slots=True)
class FileReading:
    """What a file came to: grades by kind and date (one cycle each), oldest first.

    rejected: lines left out, by line number (1-based, the header is line 1); at most
    LISTED_REJECTIONS of `rejected_count`. unread: tokens of lines left out, by the cycle they
    are in, which is every cycle where their kind or date could not be read.
    """

    grades: Mapping[_Key, tuple[Grade, ...]]
    rejected: tuple[RejectedRow, ...]
    rejected_count: int
    unread: Mapping[_Key, frozenset[TokenId]]


def read_file(
    path: Path,
    *,
    source: SourceName,
    latest: datetime | None,
    progress: Progress | None = None,
) -> FileReading:
    """Read a whole file, each line by itself: one that cannot be read is left out and named.

    path: STANDARD_INPUT is what its name says, of which nobody knows the size.
    Form: an object `{` first is NDJSON, anything else CSV with a header; UTF-8, BOM or not.
    Columns: COLUMNS in any order, those of REQUIRED_COLUMNS present; `components` is a JSON
    object; CSV takes them as columns `component.NAME` too, and where both name one the object's
    stands. An empty cell is unknown, `null` in NDJSON. No cell holds a line break, quoted or not.
    latest: now, as `read_as_of` takes it. progress: told every LINES_A_PROGRESS lines, and last.
    Blocks: run it in a thread. Memory: about a kilobyte a line.
    Raises InvalidInput for a file that cannot be opened, is empty, or has columns we do not know;
    TooLarge for a line over LONGEST_LINE_BYTES.
    """
    cycles = _Cycles(source, latest)
    with _opened(path) as file:
        size = 0 if path == STANDARD_INPUT else path.stat().st_size
        lines = _Lines(file, size, progress)
        first = lines.peek()
        if not first.strip():
            raise InvalidInput("file", f"{path.name} is empty")
        if first.lstrip().startswith("["):
            raise InvalidInput("file", "is a JSON array; give one JSON object a line (NDJSON)")
        records = _ndjson(lines) if first.lstrip().startswith("{") else _csv(lines)
        for line, record in records:
            cycles.add(line, record)
        lines.report()
    return cycles.reading()


@dataclass(slots=True)
class _Cycles:
    """Grades as they come in, sorted into their cycles."""

    source: SourceName
    latest: datetime | None
    grades: dict[_Key, list[tuple[int, Grade]]] = field(default_factory=dict)
    unread: dict[_Key | None, set[TokenId]] = field(default_factory=dict)
    rejected: list[RejectedRow] = field(default_factory=list)
    rejected_count: int = 0
    # Dates repeat on thousands of lines.
    dates: dict[object, datetime] = field(default_factory=dict)

    def add(self, line: int, record: dict[str, object] | str) -> None:
        """record: the row, or what is wrong with its line."""
        if isinstance(record, str):
            self._reject(RejectedRow(line, None, record))
            return
        key: _Key | None = None
        try:
            key = read_kind(record.get("kind")), self._read_date(record.get("as_of"))
            grade = _read_grade(self.source, record)
        except InvalidInput as error:
            row = RejectedRow(line, shown_id(record.get("token_id")), str(error))
            self._reject(row)
            self.unread.setdefault(key, set()).update(unread_tokens(self.source, (row,)))
        else:
            self.grades.setdefault(key, []).append((line, grade))

    def reading(self) -> FileReading:
        grades = {}
        for key in sorted(self.grades, key=lambda key: (key[1], key[0])):
            grades[key], twins = unique(self.grades.pop(key))
            for twin in twins:
                self._reject(twin)
        rejected = tuple(sorted(self.rejected, key=lambda row: row.row))
        anywhere = self.unread.get(None, set())
        unread = {key: frozenset(self.unread.get(key, set()) | anywhere) for key in grades}
        return FileReading(grades, rejected, self.rejected_count, unread)

    def _reject(self, row: RejectedRow) -> None:
        self.rejected_count += 1
        if len(self.rejected) < LISTED_REJECTIONS:
            self.rejected.append(row)

    def _read_date(self, value: object) -> datetime:
        if not isinstance(value, str):
            return read_as_of(value, latest=self.latest)
        moment = self.dates.get(value)
        if moment is None:
            moment = self.dates[value] = read_as_of(value, latest=self.latest)
        return moment


class _Lines:
    """A file's lines as text, counted and bounded. Bytes that are no UTF-8 come as surrogates."""

    def __init__(self, file: BinaryIO, size: int, progress: Progress | None) -> None:
        self._file = file
        self._size = size
        self._progress = progress
        self._done = 0
        self._peeked: str | None = None
        self.number = 0

    def peek(self) -> str:
        """The first line that is not blank, or nothing at all; it will be read again."""
        while True:
            line = self._read()
            if line.strip() or not line:
                self._peeked = line
                return line
            self.number += 1

    def __iter__(self) -> Iterator[str]:
        while True:
            line, self._peeked = self._peeked, None
            if line is None:
                line = self._read()
            if not line:
                return
            self.number += 1
            if self.number % LINES_A_PROGRESS == 0:
                self.report()
            yield line

    def report(self) -> None:
        if self._progress is not None:
            self._progress(self._done, max(self._size, self._done))

    def _read(self) -> str:
        line = self._file.readline(LONGEST_LINE_BYTES + 1)
        if len(line) > LONGEST_LINE_BYTES:
            problem = f"is longer than {LONGEST_LINE_BYTES:,} bytes"
            raise TooLarge(f"line {self.number + 1}", problem)
        is_first = self._done == 0
        self._done += len(line)
        return line.decode("utf-8-sig" if is_first else "utf-8", "surrogateescape")


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    try:
        is_given = path == STANDARD_INPUT
        with nullcontext(sys.stdin.buffer) if is_given else path.open("rb") as file:
            yield file
    except OSError as error:
        raise InvalidInput("file", f"{path} cannot be read: {error.strerror or error}") from None


def _ndjson(lines: _Lines) -> Iterator[_Record]:
    for line in lines:
        if not line.strip():
            continue
        if not _is_utf8(line):
            yield lines.number, "is not UTF-8"
            continue
        try:
            record = msgspec.json.decode(line, type=dict[str, object])
        except (ValueError, RecursionError) as error:
            yield lines.number, f"is no JSON object: {error}"
            continue
        unknown = sorted(set(record) - set(COLUMNS))
        yield lines.number, f"has an unknown column {unknown[0]!a}" if unknown else record


def _csv(lines: _Lines) -> Iterator[_Record]:
    """Line by line, so that a quote left open costs its own line and no other."""
    columns: list[str] | None = None
    for line in lines:
        if not line.strip():
            continue
        cells = _cells(line)
        if columns is None:
            columns = _checked_columns(cells)
        elif isinstance(cells, str):
            yield lines.number, cells
        elif len(cells) != len(columns):
            problem = f"has {len(cells)} cells where the header has {len(columns)}"
            yield lines.number, problem
        else:
            yield lines.number, _row(columns, cells)


def _cells(line: str) -> list[str] | str:
    """The cells of one line, or what is wrong with it."""
    if not _is_utf8(line):
        return "is not UTF-8"
    try:
        return next(csv.reader([line], strict=True))
    except csv.Error as error:
        # The reader says of a quote left open that it wants another line.
        is_open = str(error) == "unexpected end of data"
        return "leaves a quote open; no cell holds a line break" if is_open else str(error)


def _checked_columns(cells: Sequence[str] | str) -> list[str]:
    if isinstance(cells, str):
        raise InvalidInput("header", cells)
    columns = [cell.strip() for cell in cells]
    for column in columns:
        if column not in COLUMNS and not column.startswith(COMPONENT_COLUMN):
            if ";" in column and len(columns) == 1:
                raise InvalidInput("header", "must be separated by commas, not by semicolons")
            problem = f"unknown column {column!a}; the columns are {', '.join(COLUMNS)}"
            raise InvalidInput("header", problem, nearest(column, COLUMNS, most=3))
    twice = sorted({column for column in columns if columns.count(column) > 1})
    if twice:
        raise InvalidInput("header", f"names the column {twice[0]!a} twice")
    missing = [column for column in REQUIRED_COLUMNS if column not in columns]
    if missing:
        hint = "; an empty cell is an unknown score" if missing == ["score"] else ""
        raise InvalidInput("header", f"has no column {', '.join(missing)}{hint}")
    return columns


def _row(columns: Sequence[str], cells: Sequence[str]) -> dict[str, object] | str:
    """A record of the public shape, its components gathered from all their columns."""
    row: dict[str, object] = {}
    single: dict[str, object] = {}
    for column, cell in zip(columns, cells, strict=True):
        value = cell.strip() or None
        if column.startswith(COMPONENT_COLUMN):
            single[column.removeprefix(COMPONENT_COLUMN)] = value
        else:
            row[column] = value
    given = row.get("components")
    if isinstance(given, str):
        try:
            row["components"] = msgspec.json.decode(given, type=dict[str, object])
        except (ValueError, RecursionError) as error:
            return f"components: is no JSON object: {error}"
    if single:
        components = row.get("components") or {}
        row["components"] = {**single, **components} if isinstance(components, dict) else single
    return row


def _read_grade(source: SourceName, record: dict[str, object]) -> Grade:
    if "score" not in record:
        raise InvalidInput("score", "is missing; null says that it is unknown")
    return read_grade(source, record)


def _is_utf8(text: str) -> bool:
    """Whether the bytes this text was decoded from were UTF-8."""
    return text.isascii() or not any("\ud800" <= character <= "\udfff" for character in text)
