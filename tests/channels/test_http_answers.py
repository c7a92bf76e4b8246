"""Every status there is, with its verdict."""

from datetime import timedelta

import pytest

from alerts.domain.deliveries import (
    Deferred,
    Delivered,
    Disable,
    DisableReason,
    Effect,
    Keep,
    Outcome,
    Reason,
    Rejected,
    Scope,
)
from alerts.domain.http_answers import outcome_of, outcome_without_answer

WAIT = timedelta(seconds=90)

Verdict = tuple[Outcome, Effect]


def _verdicts() -> dict[int, Verdict]:
    """The table, written out: ranges first, then the codes that differ from their range."""
    deferred: dict[range, Reason] = {
        range(100, 200): Reason.OTHER,
        range(300, 400): Reason.REDIRECT,
        range(400, 500): Reason.CLIENT_ERROR,
        range(500, 600): Reason.SERVER_ERROR,
    }
    table: dict[int, Verdict] = {status: (Delivered(), Keep()) for status in range(200, 300)}
    for statuses, reason in deferred.items():
        table |= {status: (Deferred(reason), Keep()) for status in statuses}
    return table | {
        401: (Deferred(Reason.AUTH), Keep()),
        403: (Deferred(Reason.AUTH), Keep()),
        407: (Deferred(Reason.AUTH), Keep()),
        410: (Rejected(Reason.GONE), Disable(DisableReason.GONE)),
        413: (Rejected(Reason.TOO_LARGE), Keep()),
        429: (Deferred(Reason.RATE_LIMITED, None, Scope.ENDPOINT), Keep()),
        502: (Deferred(Reason.SERVER_ERROR, None, Scope.ENDPOINT), Keep()),
        503: (Deferred(Reason.SERVER_ERROR, None, Scope.ENDPOINT), Keep()),
        504: (Deferred(Reason.SERVER_ERROR, None, Scope.ENDPOINT), Keep()),
    }


@pytest.mark.parametrize(("status", "verdict"), sorted(_verdicts().items()))
def test_every_status_has_its_verdict(status: int, verdict: Verdict) -> None:
    assert outcome_of(status, None) == verdict


def test_the_table_leaves_no_status_out() -> None:
    assert sorted(_verdicts()) == list(range(100, 600))


@pytest.mark.parametrize("status", [0, 99, 600, 999])
def test_a_status_nobody_defined_is_tried_again(status: int) -> None:
    assert outcome_of(status, None) == (Deferred(Reason.OTHER), Keep())


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_an_overloaded_receiver_holds_its_whole_endpoint_as_long_as_it_asked(status: int) -> None:
    outcome, effect = outcome_of(status, WAIT)

    assert isinstance(outcome, Deferred)
    assert (outcome.retry_after, outcome.scope, effect) == (WAIT, Scope.ENDPOINT, Keep())


def test_nobody_is_waited_for_longer_than_a_day() -> None:
    outcome, _ = outcome_of(429, timedelta(days=30))

    assert outcome == Deferred(Reason.RATE_LIMITED, timedelta(hours=24), Scope.ENDPOINT)


@pytest.mark.parametrize("status", [200, 301, 400, 401, 404, 410, 413, 500, 501])
def test_a_wait_asked_for_with_any_other_status_changes_nothing(status: int) -> None:
    assert outcome_of(status, WAIT) == outcome_of(status, None)


@pytest.mark.parametrize("reason", [Reason.BLOCKED_ADDRESS, Reason.INVALID_URL])
def test_an_address_that_cannot_be_used_is_final(reason: Reason) -> None:
    assert outcome_without_answer(reason) == Rejected(reason)


@pytest.mark.parametrize(
    "reason", [Reason.DNS, Reason.CONNECTION, Reason.TLS, Reason.TIMEOUT, Reason.OTHER]
)
def test_a_receiver_that_did_not_answer_is_tried_again(reason: Reason) -> None:
    assert outcome_without_answer(reason) == Deferred(reason)
