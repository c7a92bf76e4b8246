"""Text for Discord: what others wrote stands there letter by letter, and means nothing more."""

import re
import unicodedata
from datetime import datetime
from typing import Final

# A backslash before a sign takes its meaning away: markdown, mentions, emoji, times, links.
# https://support.discord.com/hc/en-us/articles/210298617
_SIGNS: Final = re.compile(r"([\\`*_~|<>\[\](){}@#:+=\-!.])")
# Discord shows a link as one only where its text could not be taken for another.
_PLAIN: Final = re.compile(r"[\w$ -]+")
_FIRST_STRONG, _END_ISOLATE = "\u2068", "\u2069"
_RIGHT_TO_LEFT: Final = frozenset({"R", "AL", "AN"})
# Cc control, Cf format (direction marks, zero width), Cs lone surrogates, Zl and Zp line ends.
_UNSEEN: Final = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
# Names come from anywhere; one longer than this is cut, so that what stands beside it is seen.
LONGEST_NAME: Final = 32
LONGEST_LINK: Final = 200


def width(text: str) -> int:
    """The length of a text as Discord may count it: in UTF-16, where an emoji is two."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def literal(name: str, *, most: int = LONGEST_NAME) -> str:
    """A name as it is: no markdown, no mention, no link, and its direction kept to itself.

    most: characters of it that are shown; an ellipsis says that there are more.
    """
    seen = shown(name, most=most)
    escaped = _SIGNS.sub(r"\\\1", seen)
    if any(unicodedata.bidirectional(c) in _RIGHT_TO_LEFT for c in seen):
        return f"{_FIRST_STRONG}{escaped}{_END_ISOLATE}"
    return escaped


def shown(name: str, *, most: int = LONGEST_NAME) -> str:
    """A name without what nobody sees, at most so long; never empty."""
    seen = "".join(c for c in name if unicodedata.category(c) not in _UNSEEN).strip() or "?"
    return seen if len(seen) <= most else f"{seen[: most - 1]}…"


def linked(name: str, url: str | None) -> str:
    """A name in bold that leads to its page, if there is one that it can lead to."""
    bold = f"**{literal(name)}**"
    if url is None or len(url) > LONGEST_LINK or not _PLAIN.fullmatch(shown(name)):
        return bold
    target = url.replace("(", "%28").replace(")", "%29")
    return f"[{bold}]({target})" if not re.search(r"[\s<>]", target) else bold


def moment(at: datetime, style: str = "f") -> str:
    """A time that everybody sees in their own zone. style: f is date and time, R is how long ago.

    https://docs.discord.com/developers/reference#message-formatting-timestamp-styles
    """
    return f"<t:{int(at.timestamp())}:{style}>"


def points(hundredths: int) -> str:
    """A score as people write it."""
    return f"{hundredths / 100:.1f}"


def signed(hundredths: int) -> str:
    """A change of score, with its sign."""
    rounded = f"{abs(hundredths) / 100:.1f}"
    return f"{'+' if hundredths >= 0 else '−'}{rounded}"


def counted(count: int, noun: str) -> str:
    """A number of things: 1 token, 2 tokens, 1,024 tokens."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
