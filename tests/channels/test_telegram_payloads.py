"""Links to our bot carry a token's id in the letters that Telegram takes there."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.channels.telegram_payloads import payload_token, token_payload
from alerts.domain.grades import TokenId
from alerts.domain.tokens import short_id
from alerts.pipeline.chats import CODE_PREFIX

IDS = st.from_regex(r"[a-z][a-z0-9_]{0,31}:[A-Za-z0-9][A-Za-z0-9._-]{0,63}", fullmatch=True)


@given(IDS)
def test_what_a_link_carries_is_read_as_the_token_it_was_made_of(identity: str) -> None:
    token = TokenId(identity)
    payload = token_payload(token)

    if payload is None:
        # Forty signs of which many are written as two.
        assert len(re.findall(r"[.:~-]", short_id(token))) > 20
        return
    assert re.fullmatch(r"[A-Za-z0-9_-]{1,64}", payload)
    assert payload_token(payload) in {token, short_id(token)}
    assert not payload.startswith(CODE_PREFIX)


def test_an_ordinary_id_stays_legible() -> None:
    assert token_payload(TokenId("token_metrics:3375")) == "t-token_metrics-c3375"


@pytest.mark.parametrize("payload", ["", "t-", "app-abc", "btc", "t-a-x", "t-a:b", "t-" + "a" * 63])
def test_anything_else_is_no_token(payload: str) -> None:
    assert payload_token(payload) is None
