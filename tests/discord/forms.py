"""What Discord takes for a message, checked as it checks it.

https://docs.discord.com/developers/resources/message#embed-object-embed-limits
"""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from tests.discord.refusals import empty_message, invalid_form

CONTENT = 2000
EMBEDS = 10
EMBED_CHARACTERS = 6000
FIELDS = 25
ATTACHMENT_DESCRIPTION = 1024
NONCE = 25
# Of one embed: where, and how long at most.
LENGTHS = {
    ("title",): 256,
    ("description",): 4096,
    ("footer", "text"): 2048,
    ("author", "name"): 256,
}
FIELD_LENGTHS = {"name": 256, "value": 1024}
_URLS = (
    ("url",),
    ("image", "url"),
    ("thumbnail", "url"),
    ("author", "url"),
    ("footer", "icon_url"),
)
_MENTION = re.compile(r"<@&(?P<role>\d+)>|<@!?(?P<user>\d+)>|(?P<everyone>@everyone|@here)")


def check_message(payload: Mapping[str, Any], files: Sequence[str]) -> None:
    """The payload of a message. files: form fields of what came along. Raises Refusal."""
    _check_content(payload)
    embeds = payload.get("embeds") or []
    if not isinstance(embeds, list) or len(embeds) > EMBEDS:
        raise invalid_form(
            _at(("embeds",), "BASE_TYPE_MAX_LENGTH", f"Must be {EMBEDS} or fewer in length.")
        )
    for number, embed in enumerate(embeds):
        _check_embed(embed, ("embeds", str(number)))
    if sum(map(_characters, embeds)) > EMBED_CHARACTERS:
        text = f"Embed size exceeds maximum size of {EMBED_CHARACTERS}"
        raise invalid_form(_at(("embeds",), "MAX_EMBED_SIZE_EXCEEDED", text))
    _check_attachments(payload.get("attachments") or [], files)
    _check_allowed(payload.get("allowed_mentions"))
    if not (payload.get("content") or embeds or files or payload.get("components")):
        raise empty_message()


def pinged(payload: Mapping[str, Any], *, default: Sequence[str]) -> dict[str, Any]:
    """Whom a message pings. default: what is parsed where `allowed_mentions` is left out."""
    allowed = payload.get("allowed_mentions")
    parse = default if allowed is None else allowed.get("parse", ())
    found = [match.groupdict() for match in _MENTION.finditer(payload.get("content") or "")]
    roles = {one["role"] for one in found if one["role"]}
    users = {one["user"] for one in found if one["user"]}
    named = {
        kind: {str(one) for one in (allowed or {}).get(kind) or ()} for kind in ("roles", "users")
    }
    return {
        "mention_everyone": "everyone" in parse and any(one["everyone"] for one in found),
        "mention_roles": sorted(roles if "roles" in parse else roles & named["roles"]),
        "mentions": sorted(users if "users" in parse else users & named["users"]),
    }


def _check_content(payload: Mapping[str, Any]) -> None:
    content = payload.get("content")
    if content is not None and (not isinstance(content, str) or len(content.strip()) > CONTENT):
        raise invalid_form(
            _at(("content",), "BASE_TYPE_MAX_LENGTH", f"Must be {CONTENT} or fewer in length.")
        )
    nonce = payload.get("nonce")
    if nonce is not None and len(str(nonce)) > NONCE:
        raise invalid_form(
            _at(("nonce",), "BASE_TYPE_MAX_LENGTH", f"Must be {NONCE} or fewer in length.")
        )


def _check_embed(embed: Mapping[str, Any], place: tuple[str, ...]) -> None:
    for path, longest in LENGTHS.items():
        _check_text(_inner(embed, path), (*place, *path), longest, is_required=False)
    fields = embed.get("fields") or []
    if len(fields) > FIELDS:
        raise invalid_form(
            _at((*place, "fields"), "BASE_TYPE_MAX_LENGTH", f"Must be {FIELDS} or fewer in length.")
        )
    for number, field in enumerate(fields):
        for name, longest in FIELD_LENGTHS.items():
            where = (*place, "fields", str(number), name)
            _check_text(field.get(name), where, longest, is_required=True)
    for path in _URLS:
        url = _inner(embed, path)
        if url is not None and not re.match(r"https?://[^\s/]|attachment://[^\s/]", str(url)):
            text = "Scheme must be one of ('http', 'https')."
            raise invalid_form(_at((*place, *path), "URL_TYPE_INVALID_SCHEME", text))
    _check_moment(embed.get("timestamp"), (*place, "timestamp"))
    _check_color(embed, place)


def _check_color(embed: Mapping[str, Any], place: tuple[str, ...]) -> None:
    color = embed.get("color")
    if color is not None and not (isinstance(color, int) and 0 <= color <= 0xFFFFFF):
        text = "int value should be less than or equal to 16777215."
        raise invalid_form(_at((*place, "color"), "NUMBER_TYPE_MAX", text))


def _check_text(text: object, place: tuple[str, ...], longest: int, *, is_required: bool) -> None:
    if text is None or text == "":
        if is_required:
            raise invalid_form(_at(place, "BASE_TYPE_REQUIRED", "This field is required"))
        return
    if not isinstance(text, str):
        raise invalid_form(_at(place, "STRING_TYPE_CONVERT", "Could not interpret as string."))
    if len(text.strip()) > longest:
        raise invalid_form(
            _at(place, "BASE_TYPE_MAX_LENGTH", f"Must be {longest} or fewer in length.")
        )
    if is_required and not text.strip():
        raise invalid_form(_at(place, "BASE_TYPE_REQUIRED", "This field is required"))


def _check_moment(text: object, place: tuple[str, ...]) -> None:
    if text is None:
        return
    try:
        datetime.fromisoformat(str(text))
    except ValueError:
        problem = f"Could not parse {text}. Should be ISO8601."
        raise invalid_form(_at(place, "DATE_TIME_TYPE_PARSE", problem)) from None


def _check_attachments(attachments: Sequence[Mapping[str, Any]], files: Sequence[str]) -> None:
    for number, attachment in enumerate(attachments):
        place = ("attachments", str(number))
        _check_text(
            attachment.get("description"),
            (*place, "description"),
            ATTACHMENT_DESCRIPTION,
            is_required=False,
        )
        if f"files[{attachment.get('id')}]" not in files:
            text = f"Attachment not found: {attachment.get('id')}"
            raise invalid_form(_at((*place, "id"), "ATTACHMENT_NOT_FOUND", text))


def _check_allowed(allowed: object) -> None:
    if allowed is None:
        return
    if not isinstance(allowed, dict):
        raise invalid_form(_at(("allowed_mentions",), "MODEL_TYPE_CONVERT", "Only dictionaries"))
    for kind in ("roles", "users"):
        if kind in (allowed.get("parse") or ()) and allowed.get(kind):
            text = f'parse:["{kind}"] and {kind}: [ids...] are mutually exclusive.'
            raise invalid_form(
                _at(("allowed_mentions",), "MESSAGE_ALLOWED_MENTIONS_PARSE_EXCLUSIVE", text)
            )


def _characters(embed: Mapping[str, Any]) -> int:
    texts = [_inner(embed, path) or "" for path in LENGTHS]
    texts += [field[name] for field in embed.get("fields") or () for name in FIELD_LENGTHS]
    return sum(len(str(text).strip()) for text in texts)


def _inner(embed: Mapping[str, Any], path: Sequence[str]) -> object:
    found: Any = embed
    for name in path:
        found = (found or {}).get(name)
    return found


def _at(place: Sequence[str], code: str, message: str) -> dict[str, Any]:
    tree: dict[str, Any] = {"_errors": [{"code": code, "message": message}]}
    for name in reversed(place):
        tree = {name: tree}
    return tree
