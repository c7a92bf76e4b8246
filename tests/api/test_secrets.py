"""Signing secrets rotate with an overlap, end at once where they must, and are named in the log."""

from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from tests.api.conftest import Api, problem
from tests.receiver import Received, Reply


def signed_by(request: Received, secret: str) -> bool:
    try:
        Webhook(secret).verify(request.body, request.headers)
    except WebhookVerificationError:
        return False
    return True


async def rotate(api: Api, endpoint: str, overlap_seconds: int) -> str:
    path = f"/v1/endpoints/{endpoint}/rotate-secret"
    answer = await api.post(path, json={"overlap_seconds": overlap_seconds})
    assert answer.status_code == 200, answer.text
    return str(answer.json()["secret"])


async def live(api: Api, endpoint: str) -> list[dict[str, str | None]]:
    answer = (await api.get(f"/v1/endpoints/{endpoint}/secrets")).json()
    assert answer["next"] is None
    found: list[dict[str, str | None]] = answer["data"]
    return found


async def signers(api: Api) -> list[list[str]]:
    """The secrets of each attempt at the one delivery there is, as its owner reads them."""
    (delivery,) = (await api.get("/v1/deliveries")).json()["data"]
    detail = (await api.get(f"/v1/deliveries/{delivery['id']}")).json()
    return [attempt["secret_ids"] for attempt in detail["attempts"]]


async def test_an_attempt_names_the_secrets_that_signed_it_as_the_list_does(api: Api) -> None:
    made = await api.endpoint()
    await rotate(api, made["id"], 604_800)
    newest, oldest = await live(api, made["id"])

    await api.upgrade("btc")

    assert await signers(api) == [[newest["id"], oldest["id"]]]
    assert newest["expires_at"] is None
    assert oldest["expires_at"] is not None
    assert set(newest) == {"id", "created_at", "expires_at"}


async def test_rotating_without_overlap_revokes_all_older_secrets_retries_included(
    api: Api,
) -> None:
    api.receiver.script("/hook", Reply(413), Reply())
    made = await api.endpoint()
    second = await rotate(api, made["id"], 86_400)
    older = [secret["id"] for secret in await live(api, made["id"])]
    await api.upgrade("btc")

    fresh = await rotate(api, made["id"], 0)
    (delivery,) = (await api.get("/v1/deliveries")).json()["data"]
    await api.post(f"/v1/deliveries/{delivery['id']}/resend")
    await api.deliver()

    before, after = api.receiver.requests
    assert [signed_by(before, secret) for secret in (made["secret"], second)] == [True, True]
    assert [signed_by(after, secret) for secret in (made["secret"], second)] == [False, False]
    assert signed_by(after, fresh)
    (only,) = await live(api, made["id"])
    assert await signers(api) == [older, [only["id"]]]


async def test_an_older_secret_is_revoked_and_the_newest_goes_on_signing(api: Api) -> None:
    made = await api.endpoint()
    fresh = await rotate(api, made["id"], 604_800)
    newest, oldest = await live(api, made["id"])
    path = f"/v1/endpoints/{made['id']}/secrets"

    revoked = await api.call("DELETE", f"{path}/{oldest['id']}")
    await api.upgrade("btc")

    (request,) = api.receiver.requests
    assert (revoked.status_code, revoked.content) == (204, b"")
    assert (signed_by(request, made["secret"]), signed_by(request, fresh)) == (False, True)
    assert await live(api, made["id"]) == [newest]
    assert await signers(api) == [[newest["id"]]]
    problem(await api.call("DELETE", f"{path}/{oldest['id']}"), 404, "not-found")


async def test_the_newest_secret_is_replaced_and_never_revoked(api: Api) -> None:
    made = await api.endpoint()
    (newest,) = await live(api, made["id"])

    answer = await api.call("DELETE", f"/v1/endpoints/{made['id']}/secrets/{newest['id']}")

    assert "overlap_seconds 0" in problem(answer, 409, "conflict")["detail"]
    assert await live(api, made["id"]) == [newest]


async def test_what_is_another_apps_is_neither_shown_nor_revoked(lone_api: Api) -> None:
    made = await lone_api.endpoint()
    own = await lone_api.member("other")
    theirs = await lone_api.endpoint("/theirs", key=own)
    await rotate(lone_api, made["id"], 3600)
    _, oldest = await live(lone_api, made["id"])

    shown = await lone_api.get(f"/v1/endpoints/{made['id']}/secrets", key=own)
    gone = [
        await lone_api.call("DELETE", f"/v1/endpoints/{name}/secrets/{oldest['id']}", key=own)
        for name in (made["id"], theirs["id"])
    ]

    problem(shown, 404, "not-found")
    for answer in gone:
        problem(answer, 404, "not-found")
    assert len(await live(lone_api, made["id"])) == 2


async def test_only_so_many_secrets_sign_at_once(lone_api: Api) -> None:
    made = await lone_api.endpoint()
    for _ in range(9):
        await rotate(lone_api, made["id"], 3600)

    answer = await lone_api.post(f"/v1/endpoints/{made['id']}/rotate-secret")

    assert problem(answer, 409, "conflict")["field"] == "overlap_seconds"
    assert len(await live(lone_api, made["id"])) == 10
    await rotate(lone_api, made["id"], 0)
    assert len(await live(lone_api, made["id"])) == 1
