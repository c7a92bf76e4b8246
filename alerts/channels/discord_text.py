"""Text for Discord: what others wrote stands there letter by letter, and means nothing more."""

import re
from datetime import datetime
from typing import Final

from alerts.channels.wording import LONGEST_NAME, counted, isolated, points, shown, signed

__all__ = [
    "LONGEST_NAME",
    "counted",
    "linked",
    "literal",
    "moment",
    "points",
    "shown",
    "signed",
    "width",
]

# A backslash before a sign takes its meaning away: markdown, mentions, emoji, times, links.
# https://support.discord.com/hc/en-us/articles/210298617
_SIGNS: Final = re.compile(r"([\\`*_~|<>\[\](){}@#:+=\-!.])")
# Discord shows a link as one only where its text could not be taken for another.
_PLAIN: Final = re.compile(r"[\w$ -]+")
LONGEST_LINK: Final = 200


def width(text: str) -> int:
    """The length of a text as Discord may count it: in UTF-16, where an emoji is two."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def literal(name: str, *, most: int = LONGEST_NAME) -> str:
    """A name as it is: no markdown, no mention, no link, and its direction kept to itself.

    most: characters of it that are shown; an ellipsis says that there are more.
    """
    return isolated(_SIGNS.sub(r"\\\1", shown(name, most=most)))


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
