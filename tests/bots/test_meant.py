"""What somebody means by words, and what a chat then follows."""

from alerts.bots.chats import ChatDesk
from alerts.bots.following import FollowDesk
from alerts.bots.grades import big_tokens
from alerts.bots.meant import tokens_by, words_of
from alerts.bots.watching import MOST_WATCHED
from alerts.channels.telegram_address import TelegramChat
from alerts.domain.deliveries import Channel, DisableReason, EndpointState
from alerts.domain.grades import TokenId
from alerts.domain.tokens import LONGEST_SHORT_ID, short_id
from alerts.pipeline.places import Place, close_places
from alerts.store.tokens import find_short
from tests.api.conftest import Api, open_api

HERE = TelegramChat(1_000_001)


async def grade(api: Api, *labels: tuple[str, str, str], source: str = "demo") -> None:
    """A cycle of (id, symbol, name)."""
    grades = [
        {"token_id": token, "symbol": symbol, "name": name, "score": 50}
        for token, symbol, name in labels
    ]
    body = {"source": source, "kind": "trader", "as_of": "2026-01-01T00:00:00Z", "grades": grades}
    answer = await api.post("/v1/cycles", json=body)
    assert answer.status_code == 201, answer.text


def ids(*names: str) -> list[TokenId]:
    return [TokenId(f"demo:{name}") for name in names]


def test_words_are_told_apart_by_commas_too_and_each_counts_once() -> None:
    assert words_of(("BTC,eth;", "$btc", "#sol", ",", "$", "/", "&")) == ["BTC", "eth", "sol"]


async def test_a_word_is_a_symbol_an_id_or_a_name_and_several_words_may_be_one(
    database_url: str,
) -> None:
    async with open_api(database_url) as api:
        await grade(api, ("1", "BTC", "Bitcoin"), ("2", "SHIB", "Shiba Inu"), ("3", "BTC", "Fake"))

        meant = await tokens_by(
            ["shib", "demo:1", "BITCOIN", "btc", "bt", "demo:9"], services=api.services
        )
        (named,) = await tokens_by(["shiba", "inu"], services=api.services)

    ones = [each.one and each.one.id for each in meant]
    assert ones == [*ids("2", "1", "1"), None, None, None]
    assert [token.id for token in meant[3].tokens] == ids("1", "3")
    assert meant[3].is_known
    assert {token.id for token in meant[4].tokens} == set(ids("1", "3"))
    assert not meant[4].is_known
    assert named.one is not None
    assert named.one.id == "demo:2"


async def test_a_token_with_a_long_id_is_found_by_a_short_one(database_url: str) -> None:
    source, alike = "s" * 32, "x" * 63
    async with open_api(database_url) as api:
        await grade(api, (f"{alike}1", "A", "a"), (f"{alike}2", "B", "b"), source=source)
        wanted = TokenId(f"{source}:{alike}2")
        async with api.services.store.read() as tx:
            found = await find_short(tx, short_id(wanted))
            unknown = await find_short(tx, short_id(TokenId(f"{source}:{alike}3")))

    assert len(short_id(wanted)) == LONGEST_SHORT_ID
    assert found is not None
    assert found.id == wanted
    assert unknown is None


async def test_well_known_tokens_come_first_and_only_those_there_are(database_url: str) -> None:
    async with open_api(database_url) as api:
        assert await big_tokens(most=3, services=api.services) == []
        await grade(api, ("7", "ETH", "Ethereum"), ("1", "BTC", "Bitcoin"), ("2", "ZED", "Zed"))
        await api.push(2, {"zed": 90.0, "low": 10.0}, kind="fundamental")

        big = await big_tokens(most=3, services=api.services)

    assert [token.id for token in big] == ids("1", "7", "zed")


async def test_what_is_followed_is_added_to_and_taken_from_as_far_as_there_is_room(
    database_url: str,
) -> None:
    async with open_api(database_url) as api:
        desk = FollowDesk(api.services)

        first = await desk.follow(ids("a", "b"), HERE, "Ada")
        more = await desk.follow(ids("b", *map(str, range(MOST_WATCHED))), HERE, "Ada")
        less = await desk.unfollow(ids("a", "z"), more.endpoint)

        assert (first.changed, first.same) == (tuple(ids("a", "b")), ())
        assert more.same == tuple(ids("b"))
        assert (len(more.changed), len(more.refused)) == (MOST_WATCHED - 2, 2)
        assert (less.changed, less.same) == (tuple(ids("a")), tuple(ids("z")))
        found = await ChatDesk(api.services).find(HERE)
        assert found is not None
        assert len(found.filter.tokens or ()) == MOST_WATCHED - 1


async def test_following_revives_what_was_disabled_and_leaves_a_pause_alone(
    database_url: str,
) -> None:
    async with open_api(database_url) as api:
        desk, places = FollowDesk(api.services), api.services.desk
        made = await desk.follow(ids("a"), HERE, "Ada")
        await close_places([Place(HERE.kept, made.endpoint)], DisableReason.BLOCKED, desk=places)
        again = await desk.follow(ids("a"), HERE, "Ada")
        await api.post(f"/v1/endpoints/{made.endpoint.id}/pause")
        paused = await desk.follow(ids("c"), HERE, "Ada")

    assert again.revived
    assert again.endpoint.state is EndpointState.ACTIVE
    assert not paused.revived
    assert paused.endpoint.state is EndpointState.PAUSED
    assert made.endpoint.channel is Channel.TELEGRAM
