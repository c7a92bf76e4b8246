"""A token as Telegram shows it: its grade to whoever asks, and its card to who follows it."""

from dataclasses import dataclass

from alerts.bootstrap import Services
from alerts.bots.chats import ChatDesk
from alerts.bots.following import follows_all, is_followed
from alerts.bots.grades import grade_of
from alerts.bots.telegram_grades import (
    called,
    change_line,
    components_of,
    ratings_of,
    source_lines,
)
from alerts.bots.telegram_list import MUTED, muted_until
from alerts.bots.telegram_mutes import lasting
from alerts.bots.telegram_says import Asked, Said
from alerts.bots.telegram_subjects import Shows, token_button
from alerts.bots.why import last_change
from alerts.channels.telegram_buttons import Button, Rows, Verb, Wanted
from alerts.channels.telegram_markup import Line, moment, say
from alerts.domain.deliveries import State
from alerts.store.endpoints import EndpointRecord
from alerts.store.log import LogFilter, list_deliveries
from alerts.store.tokens import TokenRecord


@dataclass(frozen=True, slots=True)
class Cards:
    """What is shown of one token."""

    services: Services

    async def grade(self, asked: Asked, token: TokenRecord, *, hint: str = "") -> Said:
        """Its grades, whoever follows it."""
        graded = await grade_of(token, services=self.services)
        endpoint = await ChatDesk(self.services).find(asked.chat)
        lines: list[Line] = [
            called(graded),
            *ratings_of(graded, self.services.ladder.policies, self.services.clock.now()),
            *components_of(graded),
            [],
            change_line(await last_change(token.id, services=self.services)),
            *source_lines(graded),
        ]
        return Said(lines=lines, buttons=_follow_button(token, endpoint), hint=hint)

    async def card(
        self, asked: Asked, token: TokenRecord, *, page: int = 1, hint: str = ""
    ) -> Said:
        """What a chat is told of it, and what can be done about that. page: of the list."""
        graded = await grade_of(token, services=self.services)
        endpoint = await ChatDesk(self.services).find(asked.chat)
        is_on = is_followed(token.id, endpoint)
        until = (await muted_until(asked.chat, services=self.services)).get(token.id)
        lines: list[Line] = [
            called(graded),
            *ratings_of(graded, self.services.ladder.policies, self.services.clock.now()),
            [],
            change_line(await last_change(token.id, services=self.services)),
            await self._told(token, endpoint)
            if is_on
            else [say("It is not followed here any more.")],
        ]
        if until is not None:
            lines.append([say(f"{MUTED} Muted "), *lasting(until)])

        def button(verb: Verb, says: str) -> Button:
            return token_button(verb, says, token.id, shows=Shows.CARD, page=page)

        mute = (
            button(Verb.HUSH, f"{MUTED} Mute 24 h")
            if until is None
            else button(Verb.UNHUSH, "🔔 Unmute")
        )
        row: tuple[Button, ...] = (mute, button(Verb.UNFOLLOW, "✖ Unsubscribe"))
        if follows_all(endpoint):
            row = (mute,)
        elif not is_on:
            row = (button(Verb.FOLLOW, "↩ Undo"),)
        return Said(
            lines=lines, buttons=(row, (Button("‹ Back", Wanted(Verb.LIST, str(page))),)), hint=hint
        )

    async def _told(self, token: TokenRecord, endpoint: EndpointRecord | None) -> Line:
        """When this chat was last told of it."""
        if endpoint is None:
            return [say("Nothing was told here yet.")]
        wanted = LogFilter(endpoint_id=endpoint.id, token=token.id, state=State.DELIVERED)
        async with self.services.store.read() as tx:
            app_id = endpoint.app_id
            found = await list_deliveries(tx, wanted, app_id=app_id, before=None, limit=1)
        if not found:
            return [say("Nothing was told here of it yet.")]
        return [say("Last told here "), moment(found[0].ended_at or found[0].recorded_at)]


def _follow_button(token: TokenRecord, endpoint: EndpointRecord | None) -> Rows:
    if follows_all(endpoint):
        return ()
    if is_followed(token.id, endpoint):
        says, verb = "✖ Unsubscribe", Verb.UNFOLLOW
    else:
        says, verb = "🔔 Subscribe", Verb.FOLLOW
    return ((token_button(verb, says, token.id, shows=Shows.GRADE),),)
