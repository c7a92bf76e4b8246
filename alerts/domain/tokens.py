"""How a token is named to people: its page, and finding the one that was meant."""

import re
from collections.abc import Iterable
from hashlib import blake2b
from urllib.parse import quote

from alerts.domain.grades import TokenId
from alerts.domain.nearest import nearest

_NOT_SLUG = re.compile(r"[^a-z0-9]+")
NEAREST_SHOWN = 5
# What a page's template may name, each in braces.
PAGE_WORDS = ("symbol", "slug", "id")
LONGEST_SHORT_ID = 40
# No id has it.
SHORTENED = "~"
_HASH_BYTES = 7


def short_id(token: TokenId) -> str:
    """A token's id in at most 40 characters: as it is, or how it begins and a hash of all of it."""
    if len(token) <= LONGEST_SHORT_ID:
        return token
    hashed = blake2b(token.encode(), digest_size=_HASH_BYTES).hexdigest()
    return f"{token[: LONGEST_SHORT_ID - len(hashed) - 1]}{SHORTENED}{hashed}"


def token_page(template: str | None, token: TokenId, *, symbol: str, name: str) -> str | None:
    """The page of a token. template: with any of {symbol}, {slug} and {id}; None or "": no page."""
    if not template:
        return None
    slug = _NOT_SLUG.sub("-", name.lower()).strip("-") or symbol.lower()
    values = (symbol, slug, token.partition(":")[2])
    page = template
    for word, value in zip(PAGE_WORDS, values, strict=True):
        page = page.replace(f"{{{word}}}", quote(value, safe=""))
    return page


def nearest_symbols(wanted: str, known: Iterable[tuple[str, str]]) -> tuple[str, ...]:
    """Symbols that were perhaps meant, nearest first, at most five. known: (symbol, name).

    Those of tokens with the name asked for come before those that look like it.
    """
    labels = list(known)
    folded = wanted.casefold()
    named = [symbol for symbol, name in labels if name.casefold() == folded]
    alike = nearest(wanted, (symbol for symbol, _ in labels), most=NEAREST_SHOWN)
    return tuple(dict.fromkeys((*sorted(named), *alike)))[:NEAREST_SHOWN]
