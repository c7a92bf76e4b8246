"""What receivers verify with, run on what the sender really sent.

The README's two samples, and the reference packages for Python and for JavaScript.
"""

import base64
import re
import runpy
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from alerts.channels.signing import format_secret
from alerts.ports import SigningSecret
from tests import node
from tests.channels.webhooks import LETTER, NEW, OLD, FixedClock, open_sender, to
from tests.receiver import Receiver

README = (Path(__file__).parents[2] / "README.md").read_text()
# Seconds by which a clock may be wrong, with room for a machine that is slow to verify.
IN_TIME, TOO_FAR = 280, 310


@dataclass(frozen=True, slots=True)
class Case:
    """A webhook as it arrived, and the secret that its receiver has."""

    name: str
    secret: str
    headers: dict[str, str]
    body: bytes


def _sample(language: str, folder: Path, *, ending: str, last: str = "") -> Path:
    (code,) = re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
    path = folder / f"sample.{ending}"
    path.write_text(code + last)
    return path


def _as_json(cases: Sequence[Case]) -> list[dict[str, Any]]:
    return [
        {
            "secret": case.secret,
            "headers": case.headers,
            "body": base64.b64encode(case.body).decode(),
        }
        for case in cases
    ]


async def _sent(
    *secrets: SigningSecret, ahead: float = 0, body: bytes = LETTER.body
) -> tuple[dict[str, str], bytes]:
    """One real delivery, as a real receiver has it."""
    async with (
        Receiver() as receiver,
        open_sender(
            trusted=receiver.destination, clock=FixedClock(timedelta(seconds=ahead))
        ) as sender,
    ):
        await sender.send(to(receiver.url(), secrets=secrets), [LETTER._replace(body=body)])
    (request,) = receiver.requests
    return request.headers, request.body


@pytest.fixture
async def genuine() -> list[Case]:
    """What is to be believed."""
    new, old = format_secret(NEW.key), format_secret(OLD.key)
    shortest = SigningSecret("sec_short", bytes(range(24)))
    empty = await _sent(NEW, body=b"{}")
    rotating = await _sent(NEW, OLD)
    among_others = {
        **rotating[0],
        "webhook-signature": f"v1a,aGVsbG8= v2,aGVsbG8= {rotating[0]['webhook-signature']}",
    }
    return [
        Case("plain", new, *await _sent(NEW)),
        Case("an empty object", new, *empty),
        Case("rotating, with the new secret", new, *rotating),
        Case("rotating, with the old secret", old, *rotating),
        Case("among other versions", old, among_others, rotating[1]),
        Case("the shortest secret", format_secret(shortest.key), *await _sent(shortest)),
        Case("a clock behind", new, *await _sent(NEW, ahead=-IN_TIME)),
        Case("a clock ahead", new, *await _sent(NEW, ahead=IN_TIME)),
    ]


@pytest.fixture
async def forged() -> list[Case]:
    """What is not, though the sender had a part in each of them."""
    secret = format_secret(NEW.key)
    headers, body = await _sent(NEW)
    signature = headers["webhook-signature"]
    changed: list[dict[str, str | None]] = [
        {"webhook-id": "evt_2"},
        {"webhook-timestamp": str(int(headers["webhook-timestamp"]) - 1)},
        {"webhook-timestamp": "now"},
        {"webhook-timestamp": f"-{headers['webhook-timestamp']}"},
        {"webhook-signature": f"v1,{'B' if signature[3] == 'A' else 'A'}{signature[4:]}"},
        {"webhook-signature": signature[:8]},
        {"webhook-signature": signature.replace("v1,", "v2,")},
        {"webhook-signature": "v1,"},
        {"webhook-id": None},
        {"webhook-timestamp": None},
        {"webhook-signature": None},
    ]
    tampered = [
        {key: value for key, value in (headers | change).items() if value is not None}
        for change in changed
    ]
    return [
        Case("another body", secret, headers, body + b" "),
        Case("another secret", format_secret(OLD.key), headers, body),
        Case("too old", secret, *await _sent(NEW, ahead=-TOO_FAR)),
        Case("too new", secret, *await _sent(NEW, ahead=TOO_FAR)),
        *(
            Case(str(change), secret, ours, body)
            for change, ours in zip(changed, tampered, strict=True)
        ),
    ]


def _names(cases: Sequence[Case]) -> list[str]:
    return [case.name for case in cases]


def _believed(cases: Sequence[Case], verdicts: Sequence[bool]) -> list[str]:
    return [case.name for case, verdict in zip(cases, verdicts, strict=True) if verdict]


def test_the_python_sample_believes_what_we_send_and_nothing_else(
    genuine: list[Case], forged: list[Case], tmp_path: Path
) -> None:
    verify = runpy.run_path(str(_sample("python", tmp_path, ending="py")))["verify"]
    cases = genuine + forged

    verdicts = [verify(case.secret, case.headers, case.body) for case in cases]

    assert _believed(cases, verdicts) == _names(genuine)


@pytest.mark.usefixtures("with_node")
def test_the_javascript_sample_believes_what_we_send_and_nothing_else(
    genuine: list[Case], forged: list[Case], tmp_path: Path
) -> None:
    export = "module.exports = { verify };\n"
    sample = _sample("javascript", tmp_path, ending="cjs", last=export)
    cases = genuine + forged

    assert _believed(cases, node.verdicts(sample, _as_json(cases))) == _names(genuine)


def test_the_python_package_believes_what_we_send_and_nothing_else(
    genuine: list[Case], forged: list[Case]
) -> None:
    def verify(case: Case) -> bool:
        try:
            Webhook(case.secret).verify(case.body, case.headers)
        except (WebhookVerificationError, ValueError):
            return False
        return True

    cases = genuine + forged

    assert _believed(cases, [verify(case) for case in cases]) == _names(genuine)


@pytest.mark.usefixtures("with_packages")
def test_the_javascript_package_believes_what_we_send_and_nothing_else(
    genuine: list[Case], forged: list[Case]
) -> None:
    cases = genuine + forged

    assert _believed(cases, node.verdicts("package", _as_json(cases))) == _names(genuine)
