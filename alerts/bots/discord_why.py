"""`/why` on Discord: what was posted on this server, what was not, and why."""

from typing import Final

import discord
import msgspec
from discord import app_commands

from alerts.bootstrap import Services
from alerts.bots import why
from alerts.bots.discord_places import IN_SERVERS, MANAGERS, endpoints_of
from alerts.bots.discord_reasons import QUIET_WEEK, became, standing
from alerts.bots.discord_says import answer, whole_lines
from alerts.bots.discord_tokens import Said, TokenDesk
from alerts.channels.discord_address import BotChannel
from alerts.channels.discord_text import literal, moment
from alerts.channels.wording import crossed_words, moved_words
from alerts.domain.events import EventType
from alerts.store.endpoints import EndpointRecord
from alerts.store.events import EventRecord
from alerts.store.tokens import TokenRecord

# Of each channel, the newest first.
MOST_TOLD: Final = 8
_NOTHING: Final = "Nothing is posted in this server; `/digest setup` begins it."
_NAMES: Final = {
    EventType.UPGRADED: "▲ {token}",
    EventType.DOWNGRADED: "▼ {token}",
    EventType.MOVED: "{token}, within its band",
    EventType.CROSSED: "{token}, past a score",
    EventType.ROSE: "▲ {token}, over days",
    EventType.FELL: "▼ {token}, over days",
    EventType.DIGEST_WEEKLY: "weekly digest",
    EventType.ENDPOINT_TEST: "test",
}


def why_command(
    services: Services, tokens: TokenDesk
) -> app_commands.Command[app_commands.Group, ..., None]:
    """The command, for whoever may manage the server."""

    async def about(interaction: discord.Interaction, token: TokenRecord) -> Said:
        places = await endpoints_of(interaction.guild_id, services=services)
        return Said(await _of_token(token, places, services=services))

    @app_commands.command(name="why", description="Say what was posted here, what not, and why.")
    @app_commands.describe(symbol="Of this token alone: its last upgrade or downgrade.")
    @app_commands.guild_only()
    @app_commands.default_permissions(MANAGERS)
    async def command(interaction: discord.Interaction, symbol: str | None = None) -> None:
        await interaction.response.defer(ephemeral=True)
        if symbol is not None:
            await tokens.tell(interaction, symbol, "why")
            return
        places = await endpoints_of(interaction.guild_id, services=services)
        lines = [line for place in places for line in await _of_place(*place, services=services)]
        await answer(interaction, whole_lines(lines) or _NOTHING)

    @command.autocomplete("symbol")
    async def _symbols(
        _interaction: discord.Interaction, current: str
    ) -> list[app_commands.Choice[str]]:
        return await tokens.complete(current)

    command.allowed_contexts = IN_SERVERS
    tokens.abouts["why"] = about
    return command


async def _of_place(kept: BotChannel, endpoint: EndpointRecord, *, services: Services) -> list[str]:
    told = await why.told_lately(endpoint, most=MOST_TOLD, services=services)
    quiet = "" if told else "nothing was due so far"
    lines = [f"<#{kept.id}> {standing(endpoint) or quiet}".strip()]
    return [*lines, *map(_line, told)]


def _line(told: why.Told) -> str:
    symbol = "?" if told.token is None else told.token.symbol
    called = symbol if told.kind is None else f"{symbol}, {told.kind.value}"
    named = _NAMES.get(told.event_type, "{token}").format(token=literal(called))
    fate = QUIET_WEEK if told.fate.delivery is None else became(told.fate)
    return f"{moment(told.at, 'R')} {named} · {fate}."


async def _of_token(
    token: TokenRecord, places: list[tuple[BotChannel, EndpointRecord]], *, services: Services
) -> str:
    if not places:
        return _NOTHING
    endpoints = [endpoint for _, endpoint in places]
    events = await why.last_changes(token.id, endpoints, services=services)
    symbol = literal(token.symbol)
    if not events:
        return f"{symbol} was neither upgraded nor downgraded so far."
    lines = []
    for event in events:
        kind = "" if event.kind is None else f" ({event.kind.value} grade)"
        lines.append(f"{symbol} {_went(event)}{kind} {moment(event.recorded_at, 'R')}.")
        for kept, endpoint in places:
            fate = await why.fate_of(event, endpoint, services=services)
            lines.append(f"<#{kept.id}> {became(fate)}.")
    return whole_lines(lines)


def _went(event: EventRecord) -> str:
    if event.type is EventType.UPGRADED:
        return "was upgraded"
    if event.type is EventType.DOWNGRADED:
        return "was downgraded"
    data = msgspec.json.decode(event.body)["data"]
    return moved_words(data) or f"went {crossed_words(data)}"
