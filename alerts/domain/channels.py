"""Channels: what each one asks of its endpoints, and gives them where their owner said nothing."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from types import MappingProxyType
from typing import Final

from alerts.domain.deliveries import Channel, Order
from alerts.errors import InvalidInput


@dataclass(frozen=True, slots=True)
class ChannelTerms:
    """What holds for a channel's endpoints.

    order, time_to_live: unless the owner chose. most_rate: sends a second to one endpoint at most,
    None for as many as it takes. pool: of the lanes whose platform limits their sum.
    takes_headers: whether an owner's own headers go along. takes_summaries: whether several
    deliveries may go in one send. spread: how long digests of one moment take to go out, each
    endpoint's as far into it every week.
    """

    order: Order
    time_to_live: timedelta
    most_rate: float | None = None
    pool: str | None = None
    takes_headers: bool = False
    takes_summaries: bool = False
    spread: timedelta = timedelta(0)

    def rate(self, asked: float | None) -> float | None:
        """An endpoint's rate limit. Raises InvalidInput for more than the platform takes."""
        if self.most_rate is None:
            return asked
        if asked is not None and asked > self.most_rate:
            raise InvalidInput(
                "rate_limit", f"must be at most {self.most_rate:g}: the platform takes no more"
            )
        return self.most_rate if asked is None else asked


DISCORD_POOL: Final = "discord"
TELEGRAM_POOL: Final = "telegram"
TERMS: Final[Mapping[Channel, ChannelTerms]] = MappingProxyType(
    {
        Channel.WEBHOOK: ChannelTerms(
            order=Order.NONE, time_to_live=timedelta(hours=72), takes_headers=True
        ),
        Channel.DISCORD: ChannelTerms(
            order=Order.LATEST,
            time_to_live=timedelta(hours=24),
            # A channel takes 30 messages a minute, which no header of Discord's says
            # (https://github.com/discord/discord-api-docs/issues/1454); the 5 in 2 seconds that
            # its headers tell of are more than that.
            most_rate=0.5,
            pool=DISCORD_POOL,
            takes_summaries=True,
        ),
        Channel.TELEGRAM: ChannelTerms(
            order=Order.LATEST,
            time_to_live=timedelta(hours=12),
            # https://core.telegram.org/bots/faq#my-bot-is-hitting-limits-how-do-i-avoid-this
            most_rate=1.0,
            pool=TELEGRAM_POOL,
            takes_summaries=True,
            # So that what is new meanwhile does not wait behind everybody's week.
            spread=timedelta(hours=1),
        ),
    }
)
# Sends a second to all lanes of a pool. Of requests without a bot, Discord takes 50 from one
# address: https://docs.discord.com/developers/topics/rate-limits#global-rate-limit
# Telegram takes about 30 messages from a bot; some are left for what it answers people.
POOL_RATES: Final[Mapping[str, float]] = MappingProxyType({DISCORD_POOL: 40.0, TELEGRAM_POOL: 25.0})
