"""Every kind of problem there is: what it means, and what mends it. The page /errors shows them."""

from dataclasses import dataclass
from enum import Enum
from typing import Final

PAGE: Final = "/errors"


@dataclass(frozen=True, slots=True)
class ProblemType:
    """One kind of problem. detail: how one of it reads.

    is_ours: our fault, so that its own words stay in the log.
    """

    status: int
    title: str
    means: str
    mends: str
    detail: str
    is_ours: bool = False


class ProblemKind(Enum):
    """The closed list; of several with one status the first is what is mostly meant by it."""

    UNREADABLE_BODY = ProblemType(
        400,
        "The body is no JSON",
        "The body could not be read as JSON, or did not come whole.",
        "`detail` says where it breaks off. Send UTF-8 without `NaN` and `Infinity`; an unknown "
        "score is `null`.",
        "body: is not valid JSON: expected `,` or `}` (byte 17)",
    )
    UNAUTHENTICATED = ProblemType(
        401,
        "A valid API key is needed",
        "No key was presented, or one that is unknown or revoked.",
        "Send `Authorization: Bearer <key>`. Whoever runs this service makes keys.",
        "this key is unknown or revoked",
    )
    FORBIDDEN = ProblemType(
        403,
        "This key may not do that",
        "The key is good, and lacks the scope that this call wants, or may not push to this "
        "source.",
        "Ask for a key with the scope that `detail` names.",
        "this key lacks the scope 'write'",
    )
    NOT_FOUND = ProblemType(
        404,
        "There is no such thing",
        "No such path, or nothing with this id, or it belongs to another app: the two are not "
        "told apart.",
        "Look at the path and the id, and at whose key it is.",
        "there is no endpoint 'ep_01kahfzv5n9k3t1x7b8c2d4e6f'",
    )
    METHOD_NOT_ALLOWED = ProblemType(
        405,
        "Not with this method",
        "The path is right, and takes other methods.",
        "Use one that the header `Allow` lists.",
        "this path takes GET, POST",
    )
    CONFLICT = ProblemType(
        409,
        "Not in this state",
        "It is there already, or in a state that forbids this.",
        "`detail` says which, and mostly what to do first.",
        "this endpoint is paused; enable it first",
    )
    STILL_RUNNING = ProblemType(
        409,
        "This request is being answered",
        "A request with this `Idempotency-Key` is under way, or was cut off by a crash of ours "
        "less than a minute ago.",
        "Send the same again after `Retry-After`, until it is answered: it is not done twice.",
        "a request under this Idempotency-Key is being answered; ask again for it",
    )
    CURSOR_EXPIRED = ProblemType(
        410,
        "The feed no longer goes back that far",
        "Events that follow this `after` are no longer kept: some you did not read are gone.",
        "Go on with `after` set to `oldest`.",
        "the feed no longer goes back that far; the oldest cursor is 48210",
    )
    TOO_LARGE = ProblemType(
        413,
        "Too much for one call",
        "The body or one of its lists is longer than this call takes.",
        "`detail` names the limits. Push a large cycle in parts with `complete`: false.",
        "body: a push is at most 10 MB and 50,000 grades; send it in parts",
    )
    INVALID_INPUT = ProblemType(
        422,
        "A value cannot be used",
        "A field, parameter or header holds what cannot be used.",
        "`field` names it, `detail` says why, and `candidates` lists what would have done where a "
        "short list can.",
        "limit: must be 200 or less",
    )
    IDEMPOTENCY_KEY_REUSED = ProblemType(
        422,
        "This Idempotency-Key was used for another request",
        "The same `Idempotency-Key` came with another body within 24 hours.",
        "Make up a new key for each request, and keep it for the tries of that one.",
        "Idempotency-Key: came with another request within 24 hours; a new request takes a new key",
    )
    RATE_LIMITED = ProblemType(
        429,
        "Too many calls",
        "This key made more calls than it may, or too many wrong keys came from this address.",
        "Go on after `Retry-After`. `RateLimit` in each answer says how many calls are left.",
        "this key may make 50 calls a second, 100 at once",
    )
    INTERNAL = ProblemType(
        500,
        "Something broke on our side",
        "A fault of this service; the log has it under the request's id.",
        "Trying again may help. Tell the operator the `request_id`.",
        "This is a fault of the service; the log says more.",
        is_ours=True,
    )
    STORAGE_FAILED = ProblemType(
        503,
        "The database did not answer",
        "The database is away, full or overloaded.",
        "Try again after `Retry-After`; a POST with an `Idempotency-Key`, so that it is not done "
        "twice.",
        "Trying again may help; the log says more.",
        is_ours=True,
    )
    PLATFORM_SILENT = ProblemType(
        503,
        "A platform did not answer",
        "Discord had to be asked about a webhook, and did not answer, or wants to be left alone "
        "for a while. Nothing was made or changed.",
        "Try again after `Retry-After`.",
        "Discord could not be asked about this webhook: no whole answer in time",
    )
    NOT_READY = ProblemType(
        503,
        "Not ready",
        "`/readyz` found the database, or Redis where one is set, out of reach.",
        "See that they run and can be reached from here; `detail` says which.",
        "the database does not answer",
    )

    @property
    def slug(self) -> str:
        """Its name in `type`, and its place on the page."""
        return self.name.lower().replace("_", "-")

    @property
    def uri(self) -> str:
        """The stable `type`, a full path: the same in every installation, and it leads "
        "somewhere."""
        return f"{PAGE}#{self.slug}"


def meant_by(status: int) -> ProblemKind:
    """What is mostly meant by a status. Raises StopIteration for one that is not ours."""
    return next(kind for kind in ProblemKind if kind.value.status == status)
