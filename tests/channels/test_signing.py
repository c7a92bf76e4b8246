"""Standard Webhooks, by its published vectors and by the public library as the receiver."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks.webhooks import Webhook

from alerts.channels import signing
from alerts.errors import InvalidInput

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
KEY = signing.parse_secret(SECRET)
MESSAGE_ID = "msg_p5jXN8AQM9LWM0D4loKWxJek"
SECOND = 1614265330
NOW = datetime.fromtimestamp(SECOND, UTC)
BODY = b'{"test": 2432232314}'
RIGHT = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="

VECTORS = {
    "python, go, javascript": (SECRET, MESSAGE_ID, SECOND, BODY, RIGHT),
    "rust": (
        "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD",
        "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk",
        1649367553,
        b'{"email":"test@example.com","username":"test_user"}',
        "v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw=",
    ),
    "an empty body": (
        SECRET,
        MESSAGE_ID,
        SECOND,
        b"",
        "v1,v48jdbgvh29KJz2Qc+ghw8G6vG3nAKnujWBg8oM/62A=",
    ),
}

OTHERS = (
    "v1,tFtCZ5RDCPxzWQRWXWPgrCgE2frDBe9gjpbWQxnVfsQ=",
    "v1,Mm7xgUVICxZfQ3bgf0h0Dof65L/IFx+PnZvnDWPCX6Q=",
    "v1,9DfC1c3eeOrXB6w/5dIDydLNQaEyww5KalE5jLBZucE=",
)


def _headers(**changed: str | None) -> dict[str, str]:
    values: dict[str, str | None] = {"id": MESSAGE_ID, "timestamp": str(SECOND), "signature": RIGHT}
    values |= changed
    return {f"webhook-{name}": value for name, value in values.items() if value is not None}


def _verify(headers: Mapping[str, str], *, now: datetime = NOW, key: bytes = KEY) -> None:
    signing.verify(headers, BODY, [key], now=now)


@pytest.mark.parametrize("name", VECTORS)
def test_it_signs_the_published_vectors_to_the_byte(name: str) -> None:
    secret, message_id, second, body, expected = VECTORS[name]

    key = signing.parse_secret(secret)

    assert signing.sign(key, message_id=message_id, timestamp=second, body=body) == expected


@pytest.mark.parametrize(
    "signature",
    [
        RIGHT,
        " ".join([RIGHT, *OTHERS]),
        " ".join([*OTHERS, RIGHT]),
        " ".join([OTHERS[0], RIGHT, OTHERS[1]]),
        " ".join(["v2," + RIGHT.removeprefix("v1,"), "v1a,aGVsbG8=", RIGHT]),
        "  " + RIGHT,
    ],
    ids=["alone", "first", "last", "between", "among other versions", "after blanks"],
)
def test_the_right_signature_is_accepted_wherever_it_stands(signature: str) -> None:
    _verify(_headers(signature=signature))


@pytest.mark.parametrize(
    "signature",
    [
        "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OA=",
        "v1,Ceo5qEr07ixe2NLpvHk3FH9bwy/WavXrAFQ/9tdO6mc=",
        "v1,dawfeoifkpqwoekfpqoekf",
        "v1,",
        "v1",
        RIGHT[:8],
        "v2," + RIGHT.removeprefix("v1,"),
        RIGHT.removeprefix("v1,"),
        RIGHT.replace("v1", "V1"),
        "v1,é\udcff",
        " ".join(OTHERS),
    ],
)
def test_a_wrong_signature_is_refused(signature: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        _verify(_headers(signature=signature))

    assert refusal.value.field == "webhook-signature"


@pytest.mark.parametrize(
    "timestamp",
    ["1614265330.0", "-1614265330", "+1614265330", "1_614_265_330", "now", " ", "٣", "1" * 400],
)
def test_a_timestamp_that_is_no_whole_second_is_refused(timestamp: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        _verify(_headers(timestamp=timestamp))

    assert refusal.value.field == "webhook-timestamp"


@pytest.mark.parametrize("seconds", [-300, -1, 0, 1, 300])
def test_a_clock_may_be_off_by_five_minutes_either_way(seconds: int) -> None:
    _verify(_headers(), now=NOW + timedelta(seconds=seconds))


@pytest.mark.parametrize(("seconds", "problem"), [(301, "is too old"), (-301, "is too new")])
def test_a_timestamp_further_off_is_refused_either_way(seconds: int, problem: str) -> None:
    with pytest.raises(InvalidInput, match=problem):
        _verify(_headers(), now=NOW + timedelta(seconds=seconds))


@pytest.mark.parametrize("header", ["id", "timestamp", "signature"])
@pytest.mark.parametrize("value", [None, ""], ids=["missing", "empty"])
def test_every_header_is_needed(header: str, value: str | None) -> None:
    with pytest.raises(InvalidInput) as refusal:
        _verify(_headers(**{header: value}))

    assert refusal.value.field == f"webhook-{header}"


def test_header_names_may_be_in_any_case() -> None:
    _verify({name.title(): value for name, value in _headers().items()})
    _verify({name.upper(): value for name, value in _headers().items()})


def test_a_dot_in_the_id_is_refused_for_it_moves_the_borders_of_what_was_signed() -> None:
    body = b"1614265330." + BODY
    signature = signing.sign(KEY, message_id="msg", timestamp=SECOND, body=body)
    moved = {
        "webhook-id": f"msg.{SECOND}",
        "webhook-timestamp": str(SECOND),
        "webhook-signature": signature,
    }

    with pytest.raises(InvalidInput, match="webhook-id"):
        signing.verify(moved, BODY, [KEY], now=NOW)
    with pytest.raises(ValueError, match="a message id"):
        signing.sign(KEY, message_id="a.b", timestamp=SECOND, body=b"")


def test_a_body_changed_by_one_byte_or_no_secret_at_all_is_refused() -> None:
    with pytest.raises(InvalidInput):
        signing.verify(_headers(), BODY + b" ", [KEY], now=NOW)
    with pytest.raises(InvalidInput):
        signing.verify(_headers(), BODY, [], now=NOW)


def test_while_secrets_rotate_the_holder_of_either_can_verify() -> None:
    keys = [b"o" * 32, b"n" * 32]

    value = signing.signature_header(keys, message_id=MESSAGE_ID, timestamp=SECOND, body=BODY)

    assert len(value.split(" ")) == 2
    for key in keys:
        _verify(_headers(signature=value), key=key)
    with pytest.raises(InvalidInput):
        _verify(_headers(signature=value), key=b"x" * 32)


@pytest.mark.parametrize("length", [24, 32, 64])
def test_a_secret_survives_being_written_and_read(length: int) -> None:
    key = bytes(range(length))
    written = signing.format_secret(key)

    assert signing.parse_secret(written) == key
    assert signing.parse_secret(written.removeprefix("whsec_")) == key
    assert signing.parse_secret(written.rstrip("=")) == key


@pytest.mark.parametrize("key", [b"", b"k" * 23, b"k" * 65], ids=len)
def test_a_secret_too_short_or_too_long_is_refused(key: bytes) -> None:
    with pytest.raises(InvalidInput, match="24 to 64 bytes"):
        signing.parse_secret(signing.format_secret(key))


@pytest.mark.parametrize("text", ["whsec_***", "whsec_é", "whsk_" + "A" * 32, "whsec_a b" * 9])
def test_what_is_no_base64_is_refused_without_being_repeated(text: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        signing.parse_secret(text)

    assert text.removeprefix("whsec_") not in str(refusal.value)


@given(body=st.text(), key=st.binary(min_size=24, max_size=64))
def test_the_public_library_verifies_whatever_we_sign(body: str, key: bytes) -> None:
    now = datetime.now(UTC)
    raw = json.dumps({"text": body}).encode()
    headers = {
        "webhook-id": "evt_1",
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": signing.signature_header(
            [b"z" * 32, key], message_id="evt_1", timestamp=int(now.timestamp()), body=raw
        ),
    }

    assert Webhook(signing.format_secret(key)).verify(raw, headers) == {"text": body}
    signing.verify(headers, raw, [key], now=now)
