"""Text for Discord: what others wrote stands there letter by letter, and means nothing more."""

import re
import unicodedata
from typing import Final

# What Discord's markdown, mentions, emoji, timestamps and links are made of; a backslash before
# a sign takes its meaning away. https://support.discord.com/hc/en-us/articles/210298617
_SIGNS: Final = re.compile(r"([\\`*_~|<>\[\](){}@#:+=\-!])")
_FIRST_STRONG, _END_ISOLATE = "\u2068", "\u2069"
_RIGHT_TO_LEFT: Final = frozenset({"R", "AL", "AN"})
# Cc control, Cf format (direction marks, zero width), Cs lone surrogates; Zl, Zp line ends.
_UNSEEN: Final = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


def literal(text: str) -> str:
    """A name as it is: no markdown, no mention, no link, and its direction kept to itself."""
    seen = "".join(c for c in text if unicodedata.category(c) not in _UNSEEN)
    escaped = _SIGNS.sub(r"\\\1", seen)
    if any(unicodedata.bidirectional(c) in _RIGHT_TO_LEFT for c in seen):
        return f"{_FIRST_STRONG}{escaped}{_END_ISOLATE}"
    return escaped


def link(text: str, url: str | None) -> str:
    """Text of our own making, or escaped, that leads to a page if there is one."""
    if url is None:
        return text
    target = url.replace("(", "%28").replace(")", "%29")
    return f"[{text}]({target})"
