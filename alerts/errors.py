"""Everything Gradebell raises on purpose.

GradebellError
├── InvalidInput            what somebody gave us cannot be used; names the field and what would do
│   ├── TooLarge            more than we take in one go
│   └── KeyReused           an Idempotency-Key that came with another request before
├── NotFound                no such thing, or not yours
├── Conflict                it exists already, or is in a state that forbids this
│   └── StillRunning        the same request is being answered; when to ask again
├── Denied                  a key is missing, unknown, or lacks the scope
├── RateLimited             too many calls; when to go on
├── PlatformSilent          a platform did not answer what we had to ask it; when to try again
├── CursorExpired           the feed no longer holds what lies after this cursor
├── SettingsInvalid         the configuration cannot work; names the setting
├── Undecryptable           a stored secret cannot be read with the keys we were given
└── StorageFailed           the database did not do what we asked; trying again may help

A failed send is not an error but an `Outcome` (domain/deliveries.py), and a source that refuses
is a `Trouble` (ports.py). Errors know no HTTP: `api/problems.py` gives each its status.
"""


class GradebellError(Exception):
    """Something Gradebell refuses to do, said so that a person can mend it."""


class InvalidInput(GradebellError):
    """A value that cannot be used.

    field: path of the value in what was given, e.g. `filter.tokens[2]`.
    candidates: what would have done, nearest first, where a short list can say it.
    """

    def __init__(self, field: str, problem: str, candidates: tuple[str, ...] = ()) -> None:
        super().__init__(f"{field}: {problem}")
        self.field = field
        self.problem = problem
        self.candidates = candidates


class TooLarge(InvalidInput):
    """More bytes or rows than one call may hold."""


class KeyReused(InvalidInput):
    """An Idempotency-Key that came with another request before."""


class NotFound(GradebellError):
    """No such thing, or it belongs to somebody else: the two are not told apart."""

    def __init__(self, noun: str, identity: str) -> None:
        super().__init__(f"there is no {noun} {identity!r}")
        self.noun = noun
        self.identity = identity


class Conflict(GradebellError):
    """It exists already, or is in a state that forbids this."""

    def __init__(self, problem: str, field: str | None = None) -> None:
        super().__init__(problem)
        self.problem = problem
        self.field = field


class StillRunning(Conflict):
    """The same request is being answered; ask again after so many seconds, 1 or more."""

    def __init__(self, problem: str, *, retry_after_seconds: int) -> None:
        super().__init__(problem)
        self.retry_after_seconds = retry_after_seconds


class Denied(GradebellError):
    """A key is missing or unknown (`authenticated` false), or lacks a scope (true)."""

    def __init__(self, problem: str, *, authenticated: bool) -> None:
        super().__init__(problem)
        self.problem = problem
        self.authenticated = authenticated


class RateLimited(GradebellError):
    """Too many calls; one more is allowed after so many seconds, 1 or more."""

    def __init__(self, problem: str, *, retry_after_seconds: int) -> None:
        super().__init__(problem)
        self.retry_after_seconds = retry_after_seconds


class PlatformSilent(GradebellError):
    """A platform did not answer what we had to ask it; it may after so many seconds, 1 or more."""

    def __init__(self, problem: str, *, retry_after_seconds: int) -> None:
        super().__init__(problem)
        self.retry_after_seconds = retry_after_seconds


class CursorExpired(GradebellError):
    """The feed no longer holds what follows this cursor; `oldest` is the first one that works."""

    def __init__(self, oldest: int) -> None:
        super().__init__(f"the feed no longer goes back that far; the oldest cursor is {oldest}")
        self.oldest = oldest


class SettingsInvalid(GradebellError):
    """The configuration cannot work; the message names the setting and what would do."""


class Undecryptable(GradebellError):
    """A stored secret cannot be read: none of the encryption keys given made it."""


class StorageFailed(GradebellError):
    """The database did not do what we asked; its own error is the cause.

    is_outside: it could not (it is away, its disk is full), whatever we had asked.
    """

    def __init__(self, problem: str, *, is_outside: bool = False) -> None:
        super().__init__(problem)
        self.is_outside = is_outside
