"""Quiet hours of a chat, as its app sees them: shown, and said of what they hold back."""

from datetime import timedelta

from alerts.channels.telegram_address import TelegramChat
from alerts.domain.quiet import QuietHours
from alerts.pipeline.chats import create_chat
from alerts.pipeline.endpoints import Wish
from alerts.pipeline.sparing import set_quiet_hours, set_time_zone
from tests.api.conftest import open_api
from tests.pipeline.chatting import minute
from tests.pipeline.conftest import dispatch, upgrade_tokens
from tests.telegram.double import TOKEN, Telegram


async def test_what_quiet_hours_hold_back_is_seen_and_comes_when_it_is_asked_for(
    database_url: str,
) -> None:
    async with (
        Telegram() as telegram,
        open_api(database_url, telegram_api_url=telegram.api_url, telegram_bot_token=TOKEN) as api,
    ):
        services, desk = api.services, api.services.desk
        chat = telegram.world.started()
        address = TelegramChat(chat.id).kept
        made = await create_chat(address, Wish(), most_rate=1, desk=desk)
        async with services.store.read() as tx:
            now = await tx.now()
        hours = QuietHours(minute(now - timedelta(hours=1)), minute(now + timedelta(hours=2)))
        await set_time_zone(address, "UTC", desk=desk)
        await set_quiet_hours(address, hours, desk=desk)
        await upgrade_tokens(services, ["btc"])
        await dispatch(services)

        # Whoever changes something else leaves them as they are.
        await api.call("PATCH", f"/v1/endpoints/{made.id}", json={"description": "Ada"})
        shown = (await api.get(f"/v1/endpoints/{made.id}")).json()
        (owed,) = (await api.get(f"/v1/deliveries?endpoint={made.id}")).json()["data"]
        why = (await api.get(f"/v1/endpoints/{made.id}/explain?event={owed['event_id']}")).json()[
            "summary"
        ]

        assert shown["time_zone"] == "UTC"
        assert shown["quiet_hours"] == {
            "starts": f"{hours.starts:%H:%M}",
            "ends": f"{hours.ends:%H:%M}",
        }
        assert (owed["state"], owed["deferred_reason"]) == ("pending", "quiet_hours")
        assert why == (
            "It is pending (quiet_hours), after 0 attempts. Quiet hours hold it back until "
            f"{owed['due_at']}."
        )

        again = await api.post(f"/v1/deliveries/{owed['id']}/resend")
        assert again.status_code == 202, again.text
        await dispatch(services)

        assert len(chat.texts) == 1
