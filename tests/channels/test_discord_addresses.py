"""Webhook URLs as people paste them: what is kept, what is shown, what is refused."""

import pytest

from alerts.channels.discord_address import BotChannel, IncomingWebhook, read_kept, read_webhook_url
from alerts.errors import InvalidInput

ID = "1300000000000000000"
TOKEN = "aB3._-" * 11
URL = f"https://discord.com/api/webhooks/{ID}/{TOKEN}"
THREAD = "1300000000000000007"


@pytest.mark.parametrize(
    "url",
    [
        URL,
        f"  {URL}\n",
        f"{URL}/",
        URL.replace("discord.com", "discordapp.com"),
        URL.replace("discord.com", "ptb.discord.com"),
        URL.replace("discord.com", "canary.discord.com"),
        URL.replace("/api/", "/api/v10/"),
        f"{URL}?wait=true",
    ],
)
def test_a_webhook_is_read_however_its_url_was_copied(url: str) -> None:
    assert read_webhook_url(url) == IncomingWebhook(ID, TOKEN)


def test_what_is_kept_is_read_again_and_what_is_shown_posts_nothing() -> None:
    for webhook in (
        read_webhook_url(URL),
        read_webhook_url(f"{URL}?thread_id={THREAD}"),
    ):
        assert read_kept(webhook.kept) == webhook
        assert TOKEN not in webhook.shown
        with pytest.raises(InvalidInput):
            read_webhook_url(webhook.shown)


def test_a_channel_of_our_bot_is_kept_and_shown_as_the_link_that_leads_there() -> None:
    channel = BotChannel(ID, THREAD)

    assert read_kept(channel.kept) == channel
    assert channel.shown == f"https://discord.com/channels/{ID}/{THREAD}"


def test_threads_of_one_webhook_are_kept_apart() -> None:
    thread = read_webhook_url(f"{URL}?thread_id={THREAD}")

    assert thread.thread_id == THREAD
    assert thread.kept != read_webhook_url(URL).kept


@pytest.mark.parametrize(
    "url",
    [
        "",
        "discord.com",
        URL.replace("https", "http"),
        URL.replace("discord.com", "discord.com.example.com"),
        URL.replace("discord.com", "example.com"),
        URL.replace("discord.com", "discord.com@example.com"),
        URL.replace("discord.com", "[::1"),
        f"https://discord.com/api/webhooks/{ID}",
        f"https://discord.com/api/webhooks/{ID}/short",
        f"https://discord.com/api/webhooks/x{ID}/{TOKEN}",
        f"{URL}/slack",
        f"{URL}/github",
        f"{URL}/messages/{ID}",
        f"{URL}?thread_id=week",
        f"{URL}?thread_id={THREAD}&thread_id={ID}",
        "https://discord.gg/abc",
        "https://discord.com/channels/1/2",
    ],
)
def test_what_is_no_webhook_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        read_webhook_url(url)

    assert refused.value.field == "url"
    assert TOKEN not in refused.value.problem
