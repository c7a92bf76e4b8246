"""Idempotency-Key: a POST that comes again is answered again, and not done again.

Whoever presents a key has the request claimed first, in a transaction of its own; then it is done,
and the answer stored before it is sent. A process that is lost in between leaves a claim that runs
out, and the next try does it: where that would do it twice, the answer is stored by the transaction
that does it (`Once.keep`), so that it is found there or nothing was done.

Source: https://datatracker.ietf.org/doc/html/draft-ietf-httpapi-idempotency-key-header-07
"""

import hashlib
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Final, TypeVar, assert_never

import msgspec
from fastapi import Depends, FastAPI
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from alerts.api.bodies import read_body
from alerts.api.ingest import LIMITS, MOST_BYTES
from alerts.bootstrap import Services
from alerts.errors import GradebellError, InvalidInput, KeyReused, StillRunning
from alerts.pipeline.access import Principal
from alerts.pipeline.retain import ANSWERS_KEPT
from alerts.store.answers import (
    Asked,
    Claim,
    Keep,
    Other,
    Running,
    Stored,
    claim_answer,
    drop_claim,
    keep_answer,
    keep_nothing,
)
from alerts.store.cipher import keyed_hash
from alerts.store.engine import Store, Transaction
from alerts.telemetry import Step, fail

HEADER: Final = "idempotency-key"
REPLAYED: Final = "idempotent-replayed"
LONGEST_KEY: Final = 255
# No call takes longer once its body is there; what a lost process left is taken up after so long.
LEASE: Final = timedelta(seconds=60)
# Who is wrong now may be right later, and what broke on our side is worth another try.
_NOT_STORED: Final = frozenset({401, 403, 429})
_OUR_FAULT: Final = 500
# Of an answer's headers, those that belong to what it says and not to the request it answers.
_STORED_HEADERS: Final = (b"content-type", b"retry-after", b"location")

# A structured field's string is quoted; most clients send the bare text.
_QUOTED: Final = re.compile(r'"((?:[ !#-\[\]-~]|\\["\\])*)"')
_BARE: Final = re.compile(r"[ -~]+")

Result = TypeVar("Result")


class Said(msgspec.Struct, frozen=True, array_like=True):
    """An answer as it is stored."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes


class AnsweredBefore(Exception):
    """Raised by a dependency to answer in place of the call: FastAPI has no other way to."""

    def __init__(self, said: Said) -> None:
        super().__init__()
        self.said = said


@dataclass(slots=True)
class Ticket:
    """One request under a key. is_kept: its answer was stored with the change itself."""

    store: Store
    claim: Claim
    is_kept: bool = False

    async def keep(self, tx: Transaction, said: Said) -> None:
        """Store the answer. Raises StillRunning if the claim is somebody else's by now."""
        sealed = self.store.cipher.encrypt(msgspec.msgpack.encode(said))
        if not await keep_answer(tx, self.claim, sealed):
            raise StillRunning("this took too long, and was taken over", retry_after_seconds=1)


@dataclass(frozen=True, slots=True)
class Once:
    """What a route stores its answer by, in the transaction that does what it was asked."""

    request: Request

    def keep(self, view: Callable[[Result], BaseModel], status: int) -> Keep[Result]:
        """A `Keep` of the answer that `view` makes; of nothing where no key was presented."""
        ticket: Ticket | None = getattr(self.request.state, "ticket", None)
        if ticket is None:
            return keep_nothing

        async def keep(tx: Transaction, result: Result) -> None:
            body = view(result).model_dump_json().encode()
            await ticket.keep(tx, Said(status, [(b"content-type", b"application/json")], body))
            ticket.is_kept = True

        return keep


Onced = Annotated[Once, Depends(Once)]


async def claim(request: Request, principal: Principal, services: Services) -> None:
    """Claim a POST that comes with a key.

    Raises AnsweredBefore, StillRunning, KeyReused, InvalidInput, and what reading a body does.
    """
    key = read_key(request.headers.getlist(HEADER))
    if request.method != "POST" or key is None:
        return
    body = await read_body(request, MOST_BYTES, LIMITS)
    asked = _asked(request, principal, key=key, body=body, secret=services.desk.lookup_key)
    async with services.store.write() as tx:
        found = await claim_answer(tx, asked, lease=LEASE, kept=ANSWERS_KEPT)
    match found:
        case Claim():
            request.state.ticket = Ticket(services.store, found)
        case Stored(sealed):
            plain = services.store.cipher.decrypt(sealed)
            raise AnsweredBefore(msgspec.msgpack.decode(plain, type=Said))
        case Running(wait):
            problem = "a request under this Idempotency-Key is being answered; ask again for it"
            # As long again as it has taken so far: most take milliseconds, a lost one its lease.
            seconds = max(1, math.ceil(min(wait, LEASE - wait).total_seconds()))
            raise StillRunning(problem, retry_after_seconds=seconds)
        case Other():
            problem = "came with another request within 24 hours; a new request takes a new key"
            raise KeyReused("Idempotency-Key", problem)
        case _:
            assert_never(found)


def read_key(given: list[str]) -> str | None:
    """The key in these headers, None where there is none. Raises InvalidInput."""
    if not given:
        return None
    text = given[0]
    quoted = _QUOTED.fullmatch(text)
    if quoted:
        text = re.sub(r"\\(.)", r"\1", quoted[1])
    is_sane = _BARE.fullmatch(text) and (quoted or not text.startswith('"'))
    if len(given) > 1 or not is_sane or len(text) > LONGEST_KEY:
        problem = f"must be one key of 1-{LONGEST_KEY} printable ASCII characters"
        raise InvalidInput("Idempotency-Key", problem)
    return text


class Storing:
    """Stores the answer of a request under a key before it is sent, or gives the claim up."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        waiting: list[Message] = []

        async def hold(message: Message) -> None:
            ticket: Ticket | None = scope["state"].get("ticket")
            if ticket is None:
                await send(message)
                return
            waiting.append(message)
            if message["type"] == "http.response.body" and not message.get("more_body"):
                await _settle(ticket, waiting)
                for held in waiting:
                    await send(held)

        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            await self._app(scope, receive, hold)
        except Exception:
            ticket = scope["state"].get("ticket")
            if ticket is not None:
                await _give_up(ticket)
            raise


def install(app: FastAPI) -> None:
    """Answer again what was answered before."""
    app.add_exception_handler(AnsweredBefore, _answer_again)
    app.add_middleware(Storing)


async def _answer_again(_request: Request, error: Exception) -> Response:
    if not isinstance(error, AnsweredBefore):
        raise error
    answer = Response(error.said.body, error.said.status)
    length = [header for header in answer.raw_headers if header[0] == b"content-length"]
    answer.raw_headers = [*error.said.headers, *length, (REPLAYED.encode(), b"true")]
    return answer


async def _settle(ticket: Ticket, answer: list[Message]) -> None:
    status = answer[0]["status"]
    if status in _NOT_STORED or status >= _OUR_FAULT:
        await _give_up(ticket)
        return
    if ticket.is_kept:
        return
    headers = [header for header in answer[0]["headers"] if header[0] in _STORED_HEADERS]
    body = b"".join(message.get("body", b"") for message in answer[1:])
    try:
        async with ticket.store.write() as tx:
            await ticket.keep(tx, Said(status, headers, body))
    except GradebellError as error:
        # What was asked is done all the same, and is not undone by doing it again.
        fail(Step.ANSWER_NOT_STORED, error)


async def _give_up(ticket: Ticket) -> None:
    """Let the next try begin at once. Where this fails too, it begins when the lease is out."""
    try:
        async with ticket.store.write() as tx:
            await drop_claim(tx, ticket.claim)
    except GradebellError as error:
        fail(Step.ANSWER_NOT_STORED, error)


def _asked(
    request: Request, principal: Principal, *, key: str, body: bytes, secret: bytes
) -> Asked:
    """What is asked, by whom: one app, one reach, one path.

    Keys of one app that reach the same share their answers, so that one can be exchanged for
    another between two tries; one that reaches less is not shown what the other did.
    """
    sources = None if principal.sources is None else sorted(principal.sources)
    reach = (principal.app_id, principal.reach, sources)
    identity = repr((reach, request.method, request.url.path, key))
    sent = hashlib.sha256(request.scope["query_string"] + b"\0" + body).hexdigest()
    return Asked(keyed_hash(secret, identity), principal.app_id, keyed_hash(secret, sent))
