"""How requests are read and answers written."""

import json
from collections.abc import Mapping
from typing import Any

from aiohttp import BodyPartReader, web

from tests.discord.refusals import Refusal, too_large

API = "/api/v10"
LARGEST_FILE = 10 * 1024 * 1024

Files = Mapping[str, tuple[str, bytes]]


def plain(
    status: int, body: Mapping[str, Any] | list[Any], headers: Mapping[str, str] | None = None
) -> web.Response:
    """An answer as the platform's edge passes it on."""
    every = {"content-type": "application/json", "via": "1.1 google", **(headers or {})}
    return web.Response(status=status, body=json.dumps(body).encode(), headers=every)


async def read_form(request: web.Request) -> tuple[dict[str, Any], dict[str, tuple[str, bytes]]]:
    """The payload and the files of a request, JSON or multipart. Raises Refusal."""
    files: dict[str, tuple[str, bytes]] = {}
    try:
        if not request.content_type.startswith("multipart/"):
            return await request.json(), files
        payload: dict[str, Any] = {}
        async for part in await request.multipart():
            assert isinstance(part, BodyPartReader)
            content = bytes(await part.read())
            if part.name == "payload_json":
                payload = json.loads(content)
            elif len(content) > LARGEST_FILE:
                raise too_large()
            else:
                files[part.name or ""] = (part.filename or "", content)
    except ValueError:
        raise Refusal(400, 50109, "The request body contains invalid JSON.") from None
    return payload, files


def attachments(
    payload: Mapping[str, Any], files: Mapping[str, tuple[str, bytes]], message_id: str
) -> list[dict[str, Any]]:
    """Files as a message shows them."""
    described = {
        f"files[{each.get('id')}]": each.get("description")
        for each in payload.get("attachments") or []
    }
    return [
        {
            "id": f"{int(message_id) + number}",
            "filename": filename,
            "size": len(content),
            "url": f"https://cdn.discordapp.com/attachments/{message_id}/{filename}",
            "proxy_url": f"https://media.discordapp.net/attachments/{message_id}/{filename}",
            "description": described.get(name),
        }
        for number, (name, (filename, content)) in enumerate(files.items(), start=1)
    ]
