"""What Telegram makes of HTML, and of keyboards; strict as it is.

https://core.telegram.org/bots/api#html-style
The reader follows td::parse_html of https://github.com/tdlib/td, its complaints included.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.telegram.wire import Refusal, bad_request

TEXT = 4096
CALLBACK_DATA_BYTES = 64
BUTTONS = 100
BUTTONS_IN_A_ROW = 8

_TYPES = {
    "b": "bold",
    "strong": "bold",
    "i": "italic",
    "em": "italic",
    "u": "underline",
    "ins": "underline",
    "s": "strikethrough",
    "strike": "strikethrough",
    "del": "strikethrough",
    "tg-spoiler": "spoiler",
    "span": "spoiler",
    "code": "code",
    "pre": "pre",
    "blockquote": "blockquote",
    "a": "text_link",
    "tg-emoji": "custom_emoji",
    "tg-time": "date_time",
}
_NAMED = {"lt": "<", "gt": ">", "amp": "&", "quot": '"'}
_REFERENCE = re.compile(r"&(?:#x(?P<hex>[0-9a-fA-F]+)|#(?P<decimal>[0-9]+)|(?P<name>[a-zA-Z]+));?")
_ATTRIBUTE = re.compile(
    r"\s*(?P<name>[^\s=>]+)\s*(?:=\s*(?:\"(?P<double>[^\"]*)\"|'(?P<single>[^']*)'|(?P<bare>[\w.-]+))"
    r"(?=[\s>]))?"
)
# What clients make a link of by themselves, unless it stands in code.
_AUTOMATIC = {
    "url": re.compile(r"(?i)\bhttps?://[^\s<>]+|\b[a-z0-9-]+(?:\.[a-z0-9-]+)*\.[a-z]{2,18}\b"),
    "mention": re.compile(r"(?<![\w@])@\w{3,32}\b"),
    "hashtag": re.compile(r"(?<![\w#])#\w*[^\W\d]\w*"),
    "cashtag": re.compile(r"(?<![\w$])\$[A-Z]{1,8}\b"),
    "bot_command": re.compile(r"(?<![\w/])/\w{1,64}(?:@\w+)?"),
}


@dataclass(slots=True)
class _Open:
    tag: str
    argument: str
    offset: int
    begins: int


@dataclass(slots=True)
class _Reading:
    """How far the HTML is read. offset: of what is said so far, in UTF-16."""

    html: str
    at: int = 0
    said: list[str] = field(default_factory=list)
    offset: int = 0
    nested: list[_Open] = field(default_factory=list)
    entities: list[dict[str, Any]] = field(default_factory=list)

    def say(self, text: str) -> None:
        self.said.append(text)
        self.offset += utf16(text)

    def wrong(self, words: str, place: int | None = None) -> Refusal:
        where = "" if place is None else f" at byte offset {len(self.html[:place].encode())}"
        return bad_request(f"can't parse entities: {words}{where}")


def utf16(text: str) -> int:
    """The length of a text as entities count it."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def read_text(text: str, parse_mode: str) -> tuple[str, list[dict[str, Any]]]:
    """What is shown of a message, and its entities. Raises Refusal."""
    if not text:
        raise bad_request("message text is empty")
    entities: list[dict[str, Any]] = []
    if parse_mode.lower() == "html":
        text, entities = read_html(text)
    elif parse_mode and parse_mode.lower() != "none":
        raise bad_request("unsupported parse_mode")
    shown = re.sub(r"[\x00-\x09\x0b-\x1f]", " ", text.replace("\r", ""))
    if not shown.strip():
        raise bad_request("text must be non-empty")
    if len(shown.strip()) > TEXT:
        raise bad_request("message is too long")
    return shown, _with_automatic(shown, entities)


def read_html(html: str) -> tuple[str, list[dict[str, Any]]]:
    """Raises Refusal."""
    reading = _Reading(html)
    while reading.at < len(html):
        sign = html[reading.at]
        if sign == "&" and (match := _REFERENCE.match(html, reading.at)):
            decoded = _decoded(match)
            reading.say(decoded if decoded is not None else match.group())
            reading.at = match.end()
        elif sign != "<":
            reading.say(sign)
            reading.at += 1
        elif html.startswith("</", reading.at):
            _read_end(reading)
        else:
            _read_start(reading)
    if reading.nested:
        tag = reading.nested[-1].tag
        raise reading.wrong(f'Can\'t find end tag corresponding to start tag "{tag}"')
    entities = sorted(reading.entities, key=lambda one: (one["offset"], -one["length"]))
    return "".join(reading.said), entities


def _decoded(match: re.Match[str]) -> str | None:
    if match["name"]:
        return _NAMED.get(match["name"])
    code = int(match["hex"], 16) if match["hex"] else int(match["decimal"])
    return chr(code) if 0 < code < 0x10FFFF else None


def _read_start(reading: _Reading) -> None:
    html, begins = reading.html, reading.at
    match = re.compile(r"<([^\s>]*)").match(html, begins)
    assert match is not None
    if match.end() == len(html):
        raise reading.wrong("Unclosed start tag", begins)
    tag = match[1].lower()
    if tag not in _TYPES:
        raise reading.wrong(f'Unsupported start tag "{tag}"', begins)
    at, attributes = match.end(), {}
    while not re.compile(r"\s*>").match(html, at):
        attribute = _ATTRIBUTE.match(html, at)
        if attribute is None or attribute.end() >= len(html):
            raise reading.wrong("Unclosed start tag", begins)
        value = attribute["double"] or attribute["single"] or attribute["bare"]
        is_bare = value is None and tag == "blockquote" and attribute["name"] == "expandable"
        if value is None and not is_bare:
            words = f'Expected equal sign in declaration of an attribute of the tag "{tag}"'
            raise reading.wrong(words, begins)
        attributes[attribute["name"]] = re.sub(
            _REFERENCE, lambda found: _decoded(found) or found.group(), value or ""
        )
        at = attribute.end()
    if tag == "span" and attributes.get("class") != "tg-spoiler":
        raise reading.wrong('Tag "span" must have class "tg-spoiler"', begins)
    known = {"a": "href", "tg-time": "unix", "tg-emoji": "emoji-id"}
    argument = attributes.get(known.get(tag, ""), "")
    reading.nested.append(_Open(tag, argument, reading.offset, len(reading.said)))
    reading.at = html.index(">", at) + 1


def _read_end(reading: _Reading) -> None:
    begins = reading.at
    if not reading.nested:
        raise reading.wrong("Unexpected end tag", begins)
    match = re.compile(r"</([^\s>]*)\s*>").match(reading.html, begins)
    if match is None:
        raise reading.wrong("Unclosed end tag", begins)
    opened = reading.nested[-1]
    if match[1] and match[1].lower() != opened.tag:
        place = len(reading.html[:begins].encode())
        raise reading.wrong(
            f'Unmatched end tag at byte offset {place}, expected "</{opened.tag}>", '
            f'found "</{match[1].lower()}>"'
        )
    reading.at = match.end()
    reading.nested.pop()
    length = reading.offset - opened.offset
    if length:
        entity = {"type": _TYPES[opened.tag], "offset": opened.offset, "length": length}
        if opened.tag == "a":
            url = opened.argument or "".join(reading.said[opened.begins :])
            if not _is_link(url):
                return
            entity["url"] = url
        elif opened.tag == "tg-time":
            entity["unix_time"] = int(opened.argument)
        reading.entities.append(entity)


def _is_link(url: str) -> bool:
    return re.fullmatch(r"(?:https?://|tg://)?[^\s/?#]*\.?[^\s]+", url) is not None and "." in url


def _with_automatic(text: str, entities: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """With what clients make links of: people's names for things may do that by accident."""
    kept = [one for one in entities if one["type"] in {"code", "pre", "text_link"}]
    found = list(entities)
    for kind, pattern in _AUTOMATIC.items():
        for match in pattern.finditer(text):
            offset, length = utf16(text[: match.start()]), utf16(match.group())
            ends = offset + length
            if not any(
                offset < one["offset"] + one["length"] and one["offset"] < ends for one in kept
            ):
                found.append({"type": kind, "offset": offset, "length": length})
    return sorted(found, key=lambda one: (one["offset"], -one["length"]))


def read_keyboard(markup: Any) -> dict[str, Any] | None:  # noqa: ANN401 - JSON.
    """An inline keyboard; None for none. Raises Refusal."""
    if markup is None:
        return None
    if not isinstance(markup, Mapping) or not isinstance(markup.get("inline_keyboard"), list):
        raise bad_request("object expected as reply markup")
    rows = [row for row in markup["inline_keyboard"] if row]
    for row in rows:
        for button in row:
            _check_button(button)
    if sum(map(len, rows)) > BUTTONS or any(len(row) > BUTTONS_IN_A_ROW for row in rows):
        raise bad_request("reply markup is too long")
    return {"inline_keyboard": rows} if rows else None


def _check_button(button: Mapping[str, Any]) -> None:
    problem = "can't parse inline keyboard button: "
    if not isinstance(button.get("text"), str):
        raise bad_request(f'{problem}Can\'t find field "text"')
    if "url" in button:
        if not re.fullmatch(r"(?:https?|tg)://[^\s/]+\S*", str(button["url"])):
            words = f"inline keyboard button URL '{button['url']}' is invalid: Wrong HTTP URL"
            raise bad_request(words)
        return
    if "callback_data" not in button:
        raise bad_request(f"{problem}Text buttons are unallowed in the inline keyboard")
    if not 1 <= len(str(button["callback_data"]).encode()) <= CALLBACK_DATA_BYTES:
        raise bad_request("BUTTON_DATA_INVALID")
