"""The headers an endpoint may bring along."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from alerts.channels.addresses import HEADERS_MAX, vet_headers
from alerts.errors import InvalidInput


def test_ordinary_headers_are_kept_in_order_with_names_in_lower_case() -> None:
    assert vet_headers({"Authorization": "Bearer a b", "X-Team": "7"}) == (
        ("authorization", "Bearer a b"),
        ("x-team", "7"),
    )
    assert vet_headers({}) == ()


@pytest.mark.parametrize(
    "name",
    [
        "Host",
        "Content-Length",
        "Content-Type",
        "Transfer-Encoding",
        "Connection",
        "TE",
        "Trailer",
        "Upgrade",
        "Keep-Alive",
        "Expect",
        "User-Agent",
        "Cookie",
        "Set-Cookie",
        "Accept-Encoding",
        "Webhook-Id",
        "webhook-anything",
        "Gradebell-Endpoint",
        "Proxy-Authorization",
        "Via",
        "X-Forwarded-For",
        "Forwarded",
        "X-Real-IP",
        "Metadata-Flavor",
        "X-aws-ec2-metadata-token",
        "Content-Encoding",
        "Sec-Fetch-Mode",
        "Metadata",
    ],
)
def test_a_header_that_is_ours_or_the_protocols_is_refused(name: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        vet_headers({"x-fine": "1", name: "x"})

    assert refusal.value.field == f"headers.{name.lower()}"


@pytest.mark.parametrize("name", ["", "a b", "a:b", "a\r\nb", "é", "a" * 65, " x", "x\x00"])
def test_a_header_name_that_is_no_token_is_refused(name: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        vet_headers({name: "x"})

    assert refusal.value.field == "headers"


@pytest.mark.parametrize(
    "value", ["", " ", " a", "a ", "a\r\nX: y", "a\nb", "a\x00b", "a\tb", "é", "\x7f", "a" * 1025]
)
def test_a_header_value_that_is_not_printable_ascii_is_refused(value: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        vet_headers({"X-Key": value})

    assert refusal.value.field == "headers.x-key"


@given(name=st.text(max_size=70), value=st.text(max_size=70))
@example(name="x", value="a\r\nwebhook-id: evt_2")
@example(name="x\r\nwebhook-id", value="evt_2")
def test_whatever_is_given_it_is_refused_or_one_line_of_printable_ascii(
    name: str, value: str
) -> None:
    try:
        ((kept_name, kept_value),) = vet_headers({name: value})
    except InvalidInput:
        return

    assert (kept_name, kept_value) == (name.lower(), value)
    assert f"{name}{value}".isascii()
    assert f"{name}{value}".isprintable()


def test_a_refused_header_value_is_not_repeated() -> None:
    with pytest.raises(InvalidInput) as refusal:
        vet_headers({"Authorization": "hunter2\n"})

    assert "hunter2" not in str(refusal.value)


def test_a_header_said_twice_or_too_many_or_too_much_is_refused() -> None:
    for headers in (
        {"X-A": "1", "x-a": "2"},
        {f"x-{number}": "1" for number in range(HEADERS_MAX + 1)},
        {f"x-{number}": "v" * 1024 for number in range(9)},
    ):
        with pytest.raises(InvalidInput):
            vet_headers(headers)
