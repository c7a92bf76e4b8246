"""The tokens that somebody means by words: symbols, ids or names, several at once."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from alerts.bootstrap import Services
from alerts.domain.grades import TokenId, is_token_identity
from alerts.domain.tokens import nearest_symbols
from alerts.store.engine import Transaction
from alerts.store.tokens import (
    TokenRecord,
    all_labels,
    bearers_of,
    find_tokens,
    fold,
    suggest_tokens,
    tokens_called,
)

# As many as a person looks through before they choose.
MOST_CHOICES: Final = 8
# Words that nothing is known of, after which only symbols and ids are.
MOST_VAGUE: Final = 5
# What people write before a symbol, and between two.
_SIGNS: Final = "$#/&+ "


@dataclass(frozen=True, slots=True)
class Meant:
    """What a word may mean. tokens: those that it names, or else those that come near it."""

    word: str
    tokens: tuple[TokenRecord, ...]
    is_known: bool

    @property
    def one(self) -> TokenRecord | None:
        """The token that is meant, if it can be no other."""
        return self.tokens[0] if self.is_known and len(self.tokens) == 1 else None


def words_of(typed: Sequence[str]) -> list[str]:
    """What was typed behind a command as words, each once: commas stand between them as well.

    A sign that stands alone is none, and #btc is btc.
    """
    apart: dict[str, str] = {}
    for each in typed:
        for word in each.replace(";", ",").split(","):
            named = word.strip().removeprefix("#")
            if named.strip(_SIGNS):
                apart.setdefault(fold(named), named)
    return list(apart.values())


async def tokens_by(words: Sequence[str], *, services: Services) -> list[Meant]:
    """What each word may mean; all of them together may be one name, such as Shiba Inu."""
    async with services.store.read() as tx:
        if len(words) > 1:
            name = " ".join(words)
            called = await tokens_called(tx, name, limit=MOST_CHOICES)
            if called:
                return [Meant(name, tuple(called), is_known=True)]
        bearers = await bearers_of(tx, [fold(word) for word in words])
        meant: list[Meant] = []
        for word in words:
            borne = [one.id for one in bearers.get(fold(word), ())]
            vague = sum(not each.is_known for each in meant)
            meant.append(await _meant(tx, word, borne, looks=vague < MOST_VAGUE))
        return meant


async def _meant(tx: Transaction, word: str, bearers: Sequence[TokenId], *, looks: bool) -> Meant:
    """looks: also among names, and for what comes near; that is a walk through all tokens."""
    if not bearers and is_token_identity(word):
        bearers = [TokenId(word)]
    known = await _records(tx, bearers)
    if not known and looks:
        known = await tokens_called(tx, word, limit=MOST_CHOICES)
    if known:
        return Meant(word, tuple(known), is_known=True)
    near = await _near(tx, word) if looks else []
    return Meant(word, tuple(near), is_known=False)


async def _near(tx: Transaction, word: str) -> list[TokenRecord]:
    symbols = await asyncio.to_thread(nearest_symbols, word, await all_labels(tx))
    bearers = await bearers_of(tx, [fold(symbol) for symbol in symbols])
    alike = [one.id for symbol in symbols for one in bearers.get(fold(symbol), ())]
    begun = [token.id for token in await suggest_tokens(tx, word, limit=MOST_CHOICES)]
    return await _records(tx, list(dict.fromkeys([*alike, *begun]))[:MOST_CHOICES])


async def _records(tx: Transaction, ids: Sequence[TokenId]) -> list[TokenRecord]:
    found = await find_tokens(tx, ids)
    return [found[token] for token in ids if token in found]
