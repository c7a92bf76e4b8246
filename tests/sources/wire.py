"""Pages and answers as an upstream writes them."""

import json


def answer(body: bytes, *headers: str, status: str = "200 OK", length: int | None = None) -> bytes:
    said = len(body) if length is None else length
    lines = [f"HTTP/1.1 {status}", f"content-length: {said}", "connection: close", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + body


def page(*rows: object, **extra: object) -> bytes:
    whole = {"success": True, "message": "ok", "length": len(rows), "data": list(rows)}
    return json.dumps({**whole, **extra}).encode()


def tm_row(token_id: int = 1, grade: object = "64.03", **extra: object) -> dict[str, object]:
    names = {"TOKEN_ID": token_id, "TOKEN_NAME": f"Token {token_id}", "TOKEN_SYMBOL": "TKN"}
    return {**names, "TM_GRADE": grade, **extra}
