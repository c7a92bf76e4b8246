"""Discord endpoints, from the operator's side."""

from collections.abc import Callable, Iterator

import pytest

from tests.cli.conftest import Operator
from tests.cli.platforms import in_a_thread
from tests.discord.double import Discord

DIGEST = ("--digest", "mon", "9", "Europe/Berlin")


@pytest.fixture
def discord(sqlite_operator: Operator) -> Iterator[Discord]:
    """A Discord of our own."""
    double = Discord()
    with in_a_thread(double):
        sqlite_operator.settings["DISCORD_API_URL"] = double.api_url
        yield double


def test_a_webhook_of_discord_s_is_added_tried_and_listed_without_its_token(
    sqlite_operator: Operator, discord: Discord
) -> None:
    webhook = discord.world.webhook()

    made = sqlite_operator.does("endpoint", "add", "discord", webhook.url)
    endpoint_id = made.split()[0]
    sqlite_operator.does("endpoint", "test", endpoint_id)
    sqlite_operator.does("dispatch", "--until-idle")

    (sent,) = discord.world.messages
    assert sent.channel_id == webhook.channel_id
    listed = sqlite_operator.does("endpoint", "list")
    shown = sqlite_operator.does("endpoint", "show", endpoint_id, "--json")
    assert f"{endpoint_id} " in listed
    assert "https://discord.com/…" in listed
    assert webhook.token not in made + listed + shown


def test_a_digest_is_asked_for_in_words(sqlite_operator: Operator, discord: Discord) -> None:
    words = ["--role", "1300000000000000055", "--kind", "trader", "--say-when-empty"]

    made = sqlite_operator.reads(
        "endpoint", "add", "discord", discord.world.webhook().url, *DIGEST, *words
    )

    assert made["digest"] == {
        "weekday": 1,
        "hour": 9,
        "time_zone": "Europe/Berlin",
        "kinds": ["trader"],
        "tokens": None,
        "min_notches": 1,
        "when_empty": "say",
        "top": 5,
        "role": "1300000000000000055",
    }
    assert made["filter"]["types"] == []


def test_from_nothing_to_a_first_digest_which_is_the_one_that_was_previewed(
    sqlite_operator: Operator, discord: Discord, grades: Callable[[str], str]
) -> None:
    sqlite_operator.settings["TOKEN_PAGE_URL"] = "https://tokens.example/{symbol}"
    lines = [f"trader,2026-03-0{day},1,AAA,{score}" for day, score in ((1, 50), (2, 85))]
    week = "\n".join(["kind,as_of,token_id,symbol,score", *lines])
    sqlite_operator.does("cycle", "import", grades(week), "--source", "models")
    made = sqlite_operator.does("endpoint", "add", "discord", discord.world.webhook().url, *DIGEST)
    sqlite_operator.does("endpoint", "pause", made.split()[0])
    paused = sqlite_operator.reads("endpoint", "preview", made.split()[0])
    sqlite_operator.does("endpoint", "enable", made.split()[0])
    preview = sqlite_operator.reads("endpoint", "preview", made.split()[0])

    (told,) = sqlite_operator.reads("digest", "run", "--at", preview["next_at"])["data"]
    sqlite_operator.does("dispatch", "--until-idle")

    (sent,) = discord.world.messages
    assert (paused["is_sent"], preview["is_sent"]) == (False, True)
    assert sent.payload == preview["message"]
    ((name, picture),) = sent.files.values()
    assert (name, picture[:8]) == ("week.png", b"\x89PNG\r\n\x1a\n")
    assert "[**AAA**](https://tokens.example/AAA) Neutral → Strong Buy" in str(sent.payload)
    assert (told["period"], told["event_id"]) == (preview["period"], preview["event"]["id"])


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["https://discord.com/api/webhooks/1/x"], "endpoint add discord URL"),
        (["pigeon", "https://example.com/"], "alone, for a webhook, or after `discord`, not after"),
        (["https://a.example/", "https://b.example/", "x"], "or `discord URL`, or `telegram`"),
        (["discord", "https://example.com/hook"], "must be a Discord webhook's URL"),
        (["discord", "https://x", "--role", "1300000000000000055"], "--digest"),
        (["discord", "https://x", *DIGEST, "--role", "everyone"], "--role: must be a role's id"),
        (["discord", "https://x", "--digest", "someday", "9", "UTC"], "begins with a day"),
        (["discord", "https://x", "--digest", "monday", "25", "UTC"], "--digest: has an hour that"),
        (
            ["discord", "https://x", "--digest", "monday", "9", "Mars"],
            "--digest: has a time zone that",
        ),
    ],
)
def test_what_is_misspelt_is_refused_on_one_line(
    sqlite_operator: Operator, words: list[str], problem: str
) -> None:
    code, line = sqlite_operator.fails("endpoint", "add", *words)

    assert code == 2
    assert problem in line
