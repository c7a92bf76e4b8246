"""Cycles from a file: what each line comes to, and what is said of those left out."""

import json
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.domain.grades import Kind, SourceName
from alerts.errors import InvalidInput, TooLarge
from alerts.sources.file import (
    LISTED_REJECTIONS,
    LONGEST_LINE_BYTES,
    FileReading,
    read_file,
)

SOURCE = SourceName("house_list")
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
MONDAY = datetime(2026, 11, 16, tzinfo=UTC)
TUESDAY = datetime(2026, 11, 17, tzinfo=UTC)
HEADER = "kind,as_of,token_id,symbol,name,score,class"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "grades.txt"


def read(path: Path, content: str | bytes) -> FileReading:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_file(path, source=SOURCE, latest=NOW)


def ndjson(*rows: object) -> str:
    return "".join(f"{json.dumps(row)}\n" for row in rows)


def row(**changes: object) -> dict[str, object]:
    plain = {"kind": "trader", "as_of": "2026-11-16", "token_id": "1", "score": 50}
    return {**plain, **changes}


class TestCycles:
    def test_each_kind_and_date_is_a_cycle_oldest_first(self, path: Path) -> None:
        reading = read(
            path,
            f"{HEADER}\n"
            "trader,2026-11-17T00:00:00Z,1,BTC,Bitcoin,61.5,Buy\n"
            "trader,2026-11-16,1,BTC,Bitcoin,48.25,\n"
            "fundamental,2026-11-16,1,BTC,Bitcoin,,storeOfValue\n"
            "trader,2026-11-16T02:00:00+02:00,2,,,0,\n",
        )

        assert reading.rejected == ()
        assert list(reading.grades) == [
            (Kind.FUNDAMENTAL, MONDAY),
            (Kind.TRADER, MONDAY),
            (Kind.TRADER, TUESDAY),
        ]
        first, second = reading.grades[Kind.TRADER, MONDAY]
        assert (first.token, first.symbol, first.name, first.score) == (
            "house_list:1",
            "BTC",
            "Bitcoin",
            4825,
        )
        assert (second.symbol, second.score) == ("2", 0)
        assert [g.score for g in reading.grades[Kind.FUNDAMENTAL, MONDAY]] == [None]
        assert [g.label for g in reading.grades[Kind.TRADER, TUESDAY]] == ["Buy"]

    def test_csv_and_ndjson_of_the_same_rows_read_the_same(self, path: Path) -> None:
        lines = read(
            path,
            ndjson(
                row(name="A, Inc.", components={"vc": 5.5, "community": None}),
                row(token_id=2, score=None, symbol="B"),
            ),
        )
        table = read(
            path,
            "score,token_id,as_of,kind,name,symbol,component.vc,component.community\n"
            '50,1,2026-11-16,trader,"A, Inc.",,5.5,\n'
            ",2,2026-11-16,trader,,B,,\n",
        )

        (key,) = lines.grades
        assert list(table.grades) == [key]
        assert table.grades[key][0] == lines.grades[key][0]
        assert dict(table.grades[key][0].components) == {"community": None, "vc": 550}
        assert table.grades[key][1].score is None

    def test_components_come_as_an_object_too_and_the_object_stands(self, path: Path) -> None:
        reading = read(
            path,
            "kind,as_of,token_id,score,components,component.vc,component.exchange\n"
            'trader,2026-11-16,1,50,"{""vc"": 7}",5,6\n',
        )

        (grades,) = reading.grades.values()
        assert dict(grades[0].components) == {"exchange": 600, "vc": 700}

    @pytest.mark.parametrize("ending", ["\n", "\r\n"], ids=["lf", "crlf"])
    @pytest.mark.parametrize("mark", ["", "\ufeff"], ids=["plain", "bom"])
    @pytest.mark.parametrize("last", ["", "\n\n"], ids=["cut", "blank lines"])
    def test_marks_endings_and_blank_lines_are_no_matter(
        self, path: Path, mark: str, ending: str, last: str
    ) -> None:
        lines = [HEADER, "trader,2026-11-16,1,B,B,5,", "", "trader,2026-11-16,2,C,C,6,"]
        content = mark + ending.join(lines) + last.replace("\n", ending)

        reading = read(path, content)

        assert reading.rejected == ()
        assert len(reading.grades[Kind.TRADER, MONDAY]) == 2

    def test_twins_are_one_and_the_line_left_out_is_named(self, path: Path) -> None:
        reading = read(path, ndjson(row(), row(score=70), row(score=70)))

        (grades,) = reading.grades.values()
        assert [grade.score for grade in grades] == [7000]
        assert [bad.row for bad in reading.rejected] == [1]

    def test_a_token_listed_on_a_line_left_out_is_known_to_be_listed(self, path: Path) -> None:
        lines = [row(token_id=one, as_of=f"2026-11-{day}") for one in "12" for day in (16, 17)]
        lines += [row(token_id=3, score="n/a"), row(token_id="4", as_of="yesterday")]
        lines += [row(token_id="no id", score=1), row(token_id=2, as_of="2026-11-17", score=-1)]

        reading = read(path, ndjson(*lines))

        assert reading.unread == {
            (Kind.TRADER, MONDAY): {"house_list:3", "house_list:4"},
            (Kind.TRADER, TUESDAY): {"house_list:2", "house_list:4"},
        }

    def test_a_date_ahead_of_now_is_refused_unless_the_source_has_its_own_clock(
        self, path: Path
    ) -> None:
        path.write_text(ndjson(row(as_of="2027-01-01")))

        refused = read_file(path, source=SOURCE, latest=NOW)
        taken = read_file(path, source=SOURCE, latest=None)

        assert "in the future" in refused.rejected[0].problem
        assert len(taken.grades) == 1


class TestLinesLeftOut:
    @pytest.mark.parametrize(
        ("line", "problem"),
        [
            (b"trader,2026-11-16,1,B,B,5", "has 6 cells where the header has 7"),
            (b"trader,2026-11-16,1,B,B,5,x,y", "has 8 cells where the header has 7"),
            (b"traders,2026-11-16,1,B,B,5,", "kind: must be fundamental or trader"),
            (b"trader,yesterday,1,B,B,5,", "as_of: must be an RFC 3339 time"),
            (b"trader,,1,B,B,5,", "as_of: must be"),
            (b"trader,2026-11-16,,B,B,5,", "token_id: must be"),
            (b"trader,2026-11-16,a b,B,B,5,", "token_id: must be"),
            (b"trader,2026-11-16,1,B,B,NaN,", "score: must be a plain decimal number"),
            (b"trader,2026-11-16,1,B,B,100.01,", "score: must be from 0 to 100"),
            (b"trader,2026-11-16,1,B,\xff\xfe,5,", "is not UTF-8"),
            (b'trader,2026-11-16,1,B,"B"x,5,', "expected after"),
        ],
    )
    def test_a_bad_line_is_named_and_the_rest_is_read(
        self, path: Path, line: bytes, problem: str
    ) -> None:
        good = b"trader,2026-11-16,%d,B,B,5,\n"

        reading = read(path, b"\n".join([HEADER.encode(), good % 7, line, good % 8]))

        assert len(reading.grades[Kind.TRADER, MONDAY]) == 2
        ((bad),) = reading.rejected
        assert bad.row == 4
        assert problem in bad.problem

    @pytest.mark.parametrize(
        ("line", "problem"),
        [
            (b"[1]", "is no JSON object"),
            (b'{"kind":', "is no JSON object"),
            (b"{" * 9, "is no JSON object"),
            (b'{"a":' * 100_000, "is no JSON object"),
            (b'{"kind": "trader", "grade": 5}', "has an unknown column 'grade'"),
            (b'{"kind": "trader", "as_of": 20261116}', "as_of: must be"),
            (b'{"kind": ["trader"]}', "kind: must be"),
            (b'{"name": "\xff"}', "is not UTF-8"),
            (
                b'{"kind": "trader", "as_of": "2026-11-16", "token_id": 9}',
                "score: is missing; null",
            ),
            (json.dumps(row(components=[1])).encode(), "components: must be an object"),
            (json.dumps(row(components={"a b": 1})).encode(), "components: has a name"),
            (json.dumps(row(components={"vc": "x"})).encode(), "components.vc: must be"),
        ],
    )
    def test_a_bad_json_line_is_named_and_the_rest_is_read(
        self, path: Path, line: bytes, problem: str
    ) -> None:
        reading = read(path, b"\n".join([ndjson(row()).encode(), line, ndjson(row()).encode()]))

        assert len(reading.grades[Kind.TRADER, MONDAY]) == 1
        ((bad),) = reading.rejected
        assert bad.row == 3
        assert problem in bad.problem

    def test_a_quote_left_open_costs_its_own_line_and_no_other(self, path: Path) -> None:
        lines = [f"trader,2026-11-16,{number},B,B,5," for number in range(1000)]
        lines[9] = 'trader,2026-11-16,9,B,"B,5,'
        lines[499] = 'trader,2026-11-16,499,B,"two\nlines",5,'

        reading = read(path, "\n".join([HEADER, *lines]))

        assert len(reading.grades[Kind.TRADER, MONDAY]) == 998
        assert [bad.row for bad in reading.rejected] == [11, 501, 502]
        assert all("leaves a quote open" in bad.problem for bad in reading.rejected[:2])

    def test_a_file_wrong_on_every_line_is_counted_and_not_listed_whole(self, path: Path) -> None:
        reading = read(path, HEADER + "\nx" * (LISTED_REJECTIONS + 5))

        assert reading.grades == {}
        assert len(reading.rejected) == LISTED_REJECTIONS
        assert reading.rejected_count == LISTED_REJECTIONS + 5


class TestFilesRefused:
    @pytest.mark.parametrize(
        ("content", "words"),
        [
            (b"", "is empty"),
            (b"\n \r\n\n", "is empty"),
            (b"\xef\xbb\xbf", "is empty"),
            (b'[{"kind": "trader"}]', "NDJSON"),
            (b"kind,as_of,token_id,socre\n", "unknown column 'socre'"),
            (b"kind,as_of,token_id\n", "has no column score; an empty cell is an unknown score"),
            (b"kind;as_of;token_id;score\n", "must be separated by commas, not by semicolons"),
            (b"kind,as_of,token_id,score,kind\n", "names the column 'kind' twice"),
            (b"trader,2026-11-16,1,50\n", "unknown column 'trader'"),
            (HEADER.encode("utf-16"), "is not UTF-8"),
            (b'kind,as_of,"token_id,score\ntrader,2026-11-16,1,5', "header: leaves a quote open"),
        ],
    )
    def test_a_file_that_cannot_be_read_says_why(
        self, path: Path, content: bytes, words: str
    ) -> None:
        with pytest.raises(InvalidInput) as refused:
            read(path, content)

        assert words in str(refused.value)

    def test_an_unknown_column_comes_with_the_nearest_known(self, path: Path) -> None:
        with pytest.raises(InvalidInput) as refused:
            read(path, "kind,as_of,token_id,socre\n")

        assert refused.value.candidates[0] == "score"

    def test_a_file_that_is_not_there_is_named(self, tmp_path: Path) -> None:
        for path in (tmp_path / "nothing.csv", tmp_path):
            with pytest.raises(InvalidInput, match=f"{path} cannot be read"):
                read_file(path, source=SOURCE, latest=NOW)

    def test_a_line_without_end_is_too_large(self, path: Path) -> None:
        with pytest.raises(TooLarge, match="line 2: is longer than"):
            read(path, ndjson(row()) + "x" * (LONGEST_LINE_BYTES + 1))


def test_progress_goes_from_line_to_line_to_the_whole_size(path: Path) -> None:
    path.write_text(HEADER + "\ntrader,2026-11-16,1,B,B,5," * 2500)
    seen: list[tuple[int, int]] = []

    read_file(path, source=SOURCE, latest=NOW, progress=lambda *bytes_: seen.append(bytes_))

    size = path.stat().st_size
    assert len(seen) == 3
    assert seen == sorted(seen)
    assert seen[-1] == (size, size)


@given(
    st.binary()
    | st.text().map(str.encode)
    | st.lists(st.text('tra,"\n\r\0 2{}:[]1')).map(
        lambda lines: "\n".join([HEADER, *lines]).encode()
    )
    | st.lists(
        st.dictionaries(st.sampled_from(["kind", "score", "x"]), st.text() | st.floats())
    ).map(lambda rows: ndjson(*rows).encode())
)
def test_no_bytes_make_it_raise_anything_but_invalid_input(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.bin"

    with suppress(InvalidInput):
        read(path, content)
