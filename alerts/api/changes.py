"""What a POST or a PATCH means for an endpoint.

What a POST leaves out is as the channel has it; what a PATCH leaves out stays.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Final

from pydantic import ValidationError

from alerts.api.refusals import refused
from alerts.api.schemas.endpoints import EndpointChange, NewEndpoint
from alerts.api.schemas.filters import NewDigest
from alerts.api.schemas.rules import conditions_of, reaches_of, thresholds_of
from alerts.domain.channels import TERMS
from alerts.domain.deliveries import Channel
from alerts.domain.grades import Kind
from alerts.domain.subscriptions import Filter
from alerts.errors import InvalidInput, Undecryptable
from alerts.pipeline.endpoints import Desk, Wish, seal_headers
from alerts.pipeline.naming import resolve_tokens
from alerts.pipeline.vault import Vault
from alerts.store.endpoints import EndpointRecord
from alerts.store.engine import Store

# What is stored as it is given.
_PLAIN: Final = (
    "description",
    "order",
    "time_to_live_seconds",
    "retry_schedule_seconds",
    "cooldown_seconds",
)


@dataclass(frozen=True, slots=True)
class Merge:
    """A change to be applied to whatever an endpoint is by then."""

    change: EndpointChange
    desk: Desk
    vault: Vault

    def __call__(self, old: EndpointRecord) -> EndpointRecord:
        """The endpoint as it is to be, but for its tokens and its URL. Raises InvalidInput."""
        change, given = self.change, self.change.model_fields_set
        plain: dict[str, Any] = {name: getattr(change, name) for name in _PLAIN if name in given}
        if "filter" in given:
            plain["filter"] = _merged_filter(change, old.filter)
        if "digest" in given:
            plain["digest"] = _merged_digest(change, old.digest)
        if "rate_limit" in given:
            plain["rate_limit"] = TERMS[old.channel].rate(change.rate_limit)
        if "headers" in given:
            plain["headers"] = self._merged_headers(old)
        return replace(old, **plain)

    @property
    def tokens(self) -> list[str] | tuple[()] | None:
        """As `change_endpoint` takes them: None for all, () to keep."""
        given = "filter" in self.change.model_fields_set
        if not given or "tokens" not in self.change.filter.model_fields_set:
            return ()
        return self.change.filter.tokens

    def _merged_headers(self, old: EndpointRecord) -> bytes | None:
        try:
            known = {} if old.headers is None else dict(self.vault.headers(old.headers))
        except Undecryptable:
            known = {}  # what nobody can read any more is replaced
        changed = {name.lower(): value for name, value in self.change.headers.items()}
        merged = {name: value for name, value in (known | changed).items() if value is not None}
        return seal_headers(old.channel, merged, desk=self.desk)


async def wish_of(body: NewEndpoint, store: Store) -> Wish:
    """What is asked for, what was left out as the channel has it. Raises InvalidInput."""
    given = body.model_fields_set
    digest = digest_block(body.digest)
    if digest is not None:
        digest["tokens"] = await digest_tokens(digest["tokens"], store)
    wanted = checked(body.filter.wanted())
    if body.channel is Channel.DISCORD and digest is not None and "filter" not in given:
        # Who asks for a weekly digest does not expect a hundred messages a day beside it.
        wanted = replace(wanted, types=frozenset())
    life = timedelta(seconds=body.time_to_live_seconds)
    return Wish(
        description=body.description,
        wanted=wanted,
        tokens=body.filter.tokens,
        digest=digest,
        rate_limit=body.rate_limit,
        order=body.order if "order" in given else None,
        time_to_live=life if "time_to_live_seconds" in given else None,
        retry_schedule_seconds=body.retry_schedule_seconds,
        cooldown_seconds=body.cooldown_seconds,
        headers=body.headers,
    )


def digest_block(digest: NewDigest | None) -> dict[str, Any] | None:
    """A digest as it is stored."""
    return None if digest is None else digest.model_dump(mode="json")


async def with_digest_tokens(change: EndpointChange, store: Store) -> EndpointChange:
    """The change with the digest's tokens as ids. Raises InvalidInput."""
    digest = change.digest
    if digest is None or not digest.tokens or "tokens" not in digest.model_fields_set:
        return change
    tokens = await digest_tokens(digest.tokens, store)
    return change.model_copy(update={"digest": digest.model_copy(update={"tokens": tokens})})


async def digest_tokens(names: Sequence[str] | None, store: Store) -> list[str] | None:
    """Ids of a digest's tokens. Raises InvalidInput."""
    async with store.read() as tx:
        found = await resolve_tokens(tx, names, field="digest.tokens")
    return None if found is None else list(found)


def _merged_filter(change: EndpointChange, old: Filter) -> Filter:
    asked = change.filter
    readings: dict[str, Callable[[], object]] = {
        "kinds": lambda: frozenset(Kind(kind) for kind in asked.kinds),
        "types": lambda: frozenset(asked.types),
        "min_notches": lambda: asked.min_notches,
        "min_delta": lambda: round(asked.min_delta * 100),
        "thresholds": lambda: thresholds_of(asked.thresholds),
        "given": lambda: conditions_of(asked.given),
        "windows": lambda: reaches_of(asked.windows),
    }
    given: dict[str, Any] = {
        name: read() for name, read in readings.items() if name in asked.model_fields_set
    }
    return checked(replace(old, **given))


def checked(wanted: Filter) -> Filter:
    """The same; raises InvalidInput where it names what would never be told."""
    for each in wanted.thresholds:
        if each.kind not in wanted.kinds:
            raise InvalidInput("filter.thresholds", f"names {each.kind}, which `kinds` does not")
    for reach in wanted.windows:
        if reach.kind not in wanted.kinds:
            raise InvalidInput("filter.windows", f"names {reach.kind}, which `kinds` does not")
    for condition in wanted.given:
        if wanted.kinds == {condition.kind}:
            problem = f"is about {condition.kind} while the other is told, which `kinds` leaves out"
            raise InvalidInput("filter.given", problem)
    return wanted


def _merged_digest(
    change: EndpointChange, old: Mapping[str, object] | None
) -> dict[str, Any] | None:
    if change.digest is None:
        return None
    merged = {**(old or {}), **change.digest.model_dump(mode="json", exclude_unset=True)}
    try:
        return digest_block(NewDigest.model_validate(merged))
    except ValidationError as error:
        first = refused(error.errors(include_url=False))
        raise InvalidInput(f"digest.{first.field}", first.problem, first.candidates) from None
