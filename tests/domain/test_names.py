"""Whom a row speaks of: sources, upstream ids, and the labels people read."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.domain.grades import (
    LABEL_LENGTH,
    clean_label,
    is_token_identity,
    read_grade,
    source_name,
    token_identity,
)
from alerts.errors import InvalidInput
from tests.builders import SOURCE, token

# More digits than Python turns into text without being asked to.
ENORMOUS = 10**5000


class TestIdentities:
    @pytest.mark.parametrize(
        ("value", "read"),
        [(3375, "3375"), ("3375", "3375"), (" 3375 ", "3375"), (0, "0"), ("a.B_c-9", "a.B_c-9")],
    )
    def test_an_upstream_id_is_text_or_a_whole_number(self, value: object, read: str) -> None:
        assert read_grade(SOURCE, {"token_id": value}).token == token(read)

    @pytest.mark.parametrize(
        "value",
        [
            None,
            "",
            "  ",
            True,
            3375.0,
            -1,
            pytest.param(ENORMOUS, id="enormous"),
            "a b",
            "a:b",
            "a/b",
            "-a",
            "ünïcode",
            "\uff11",  # a full-width digit
            "a" * 65,
            "1\n2",
            "\u202e1",
            "\ud800",
            b"1",
            [1],
        ],
        ids=lambda value: ascii(value)[:20],
    )
    def test_what_is_no_id_is_refused(self, value: object) -> None:
        with pytest.raises(InvalidInput) as refusal:
            read_grade(SOURCE, {"token_id": value, "score": 50})

        assert refusal.value.field == "token_id"
        assert str(refusal.value).isprintable()

    @pytest.mark.parametrize("name", ["token_metrics", "a", "a" * 32, "demo2"])
    def test_a_source_has_a_plain_name(self, name: str) -> None:
        assert source_name(name) == name

    @pytest.mark.parametrize("name", ["", "2demo", "Demo", "a" * 33, "de:mo", "de mo", "demo\n"])
    def test_any_other_name_is_refused(self, name: str) -> None:
        with pytest.raises(InvalidInput, match="source"):
            source_name(name)

    @pytest.mark.parametrize(
        ("text", "is_one"),
        [
            ("token_metrics:3375", True),
            ("demo:a.b", True),
            ("BTC", False),
            ("demo:", False),
            (":3375", False),
            ("Demo:1", False),
            ("demo:1:2", False),
            ("demo: 1", False),
            ("demo:1\n", False),
        ],
    )
    def test_an_identity_is_told_from_a_symbol_by_its_form(self, text: str, is_one: bool) -> None:
        assert is_token_identity(text) is is_one

    def test_what_is_made_is_an_identity(self) -> None:
        assert is_token_identity(token_identity(SOURCE, "3375"))


class TestLabels:
    @pytest.mark.parametrize(
        ("value", "label"),
        [
            ("Bitcoin", "Bitcoin"),
            ("  Bit   coin ", "Bit coin"),
            ("Bit\tcoin\r\nCash", "Bit coin Cash"),
            ("Bit\x00co\x1bin", "Bitcoin"),
            ("\u202eniocti\u202cB", "nioctiB"),
            ("abc\u200fdef\u2066", "abcdef"),
            ("Bit\u2028coin", "Bit coin"),
            ("a \u200e b", "a b"),
            ("a\u200bb\ufeffc\u00add", "abcd"),
            ("\ud800Bit\udfffcoin", "Bitcoin"),
            ("ビットコイン 🚀", "ビットコイン 🚀"),
            ("عملة", "عملة"),
            ("@everyone", "@everyone"),
            ('<b>"quoted"</b>', '<b>"quoted"</b>'),
            ("x" * 10_000, "x" * LABEL_LENGTH),
            ("x" * 119 + " tail", "x" * 119),
            ("", None),
            (" \t ", None),
            ("\u200b\u202e", None),
            (None, None),
        ],
        ids=lambda value: ascii(value)[:20],
    )
    def test_a_label_loses_what_cannot_be_seen(self, value: object, label: str | None) -> None:
        assert clean_label(value, field="name") == label

    @given(st.text(alphabet=st.characters(), max_size=300))
    def test_a_cleaned_label_is_clean_short_and_can_be_stored(self, value: str) -> None:
        label = clean_label(value, field="name")

        assert label is None or 0 < len(label) <= LABEL_LENGTH
        assert clean_label(label, field="name") == label
        assert "\x00" not in (label or "")
        (label or "").encode("utf-8")

    @pytest.mark.parametrize("value", [7, True, ["Bitcoin"], b"Bitcoin"])
    @pytest.mark.parametrize("field", ["symbol", "name", "class"])
    def test_what_is_no_text_is_refused(self, field: str, value: object) -> None:
        with pytest.raises(InvalidInput) as refusal:
            read_grade(SOURCE, {"token_id": 1, "score": 50, field: value})

        assert refusal.value.field == field
