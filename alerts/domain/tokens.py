"""How a token is named to people: its page, and finding the one that was meant."""

import re
from collections.abc import Iterable
from difflib import get_close_matches
from urllib.parse import quote

from alerts.domain.grades import TokenId

_NOT_SLUG = re.compile(r"[^a-z0-9]+")
NEAREST_SHOWN = 5
# What a page's template may name, each in braces.
PAGE_WORDS = ("symbol", "slug", "id")


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


def nearest_symbols(wanted: str, known: Iterable[str]) -> tuple[str, ...]:
    """Symbols that look like the one asked for, nearest first, at most five."""
    by_folded = {symbol.casefold(): symbol for symbol in known}
    close = get_close_matches(wanted.casefold(), by_folded, n=NEAREST_SHOWN, cutoff=0.5)
    return tuple(by_folded[folded] for folded in close)
