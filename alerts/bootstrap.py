"""The composition root: from settings to services, opened and closed together."""

import gc
import os
import random
import secrets
import socket
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from alerts import open_files
from alerts.channels.addresses import vet_headers
from alerts.channels.discord import DiscordSender, Paint
from alerts.channels.discord_http import open_discord_http
from alerts.channels.discord_lookup import DiscordLookup
from alerts.channels.discord_painter import Painter, open_painter
from alerts.channels.discord_restraint import Restraint
from alerts.channels.guard import Lookup, system_lookup
from alerts.channels.networks import Trusted
from alerts.channels.telegram import TelegramSender, open_telegram
from alerts.channels.telegram_lookup import TelegramLookup
from alerts.channels.vetting import open_vetting
from alerts.channels.webhook import open_webhook_sender
from alerts.domain.channels import POOL_RATES
from alerts.domain.deliveries import Channel
from alerts.domain.grades import Kind, SourceName, TokenId
from alerts.domain.ids import make_id
from alerts.domain.tokens import token_page
from alerts.limits import open_limiter
from alerts.pipeline.claim import MOST_LANES, Rules
from alerts.pipeline.diff import Ladder
from alerts.pipeline.digest import DigestRun
from alerts.pipeline.dispatch import Dispatcher
from alerts.pipeline.endpoints import Desk
from alerts.pipeline.platforms import open_watched
from alerts.pipeline.poll import Plan
from alerts.pipeline.settle import Terms
from alerts.pipeline.survey import Surveys
from alerts.pipeline.turn import IN_FLIGHT
from alerts.pipeline.uses import Uses, open_uses
from alerts.pipeline.vault import Vault
from alerts.ports import Clock, Limiter, Sender, Waker
from alerts.settings import Settings
from alerts.sources.download import open_client
from alerts.sources.sandbox.address import DEFAULT_PORT, SANDBOX_KEY
from alerts.sources.token_metrics import TokenMetrics
from alerts.sources.token_metrics_rows import Profile
from alerts.store.cipher import Cipher
from alerts.store.engine import Store, open_store
from alerts.store.lookup import ensure_lookup_key
from alerts.telemetry import Step, emit
from alerts.wakers import open_waker

# Where `gradebell sandbox` listens, unless it is told otherwise.
SANDBOX_URL: Final = f"http://127.0.0.1:{DEFAULT_PORT}"
LOOKUP_KEY_BYTES: Final = 32


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """Aware UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds of a clock that never jumps."""
        return time.monotonic()


@dataclass(frozen=True, slots=True)
class Services:
    """What a process works with. plan: how the source is polled, None where there is none."""

    settings: Settings
    clock: Clock
    store: Store
    waker: Waker
    limiter: Limiter
    senders: Mapping[Channel, Sender]
    discord: DiscordSender
    painter: Painter
    ladder: Ladder
    desk: Desk
    uses: Uses
    rules: Rules
    terms: Terms
    plan: Plan | None

    def dispatcher(self) -> Dispatcher:
        """A dispatch loop of this process; said where few open files keep it small."""
        if self.rules.lanes < MOST_LANES:
            emit(Step.SENDS_BOUNDED, files=open_files.limit(), lanes=self.rules.lanes)
        return Dispatcher(
            store=self.store,
            senders=self.senders,
            clock=self.clock,
            waker=self.waker,
            rules=self.rules,
            terms=self.terms,
            deadline=self.settings.deadline,
            new_id=lambda prefix: make_id(prefix, self.clock.now(), os.urandom(10)),
        )

    def digest_run(self, *, at: datetime | None = None, draws: bool = False) -> DigestRun:
        """The digests that are due, now or at another moment. draws: their pictures, ahead."""
        return DigestRun(
            store=self.store,
            surveys=Surveys(self.ladder),
            waker=self.waker,
            at=at,
            draw=self.painter.prepare if draws else None,
        )


@asynccontextmanager
async def open_services(
    settings: Settings,
    *,
    clock: Clock | None = None,
    sandbox_url: str = SANDBOX_URL,
    lookup: Lookup = system_lookup,
) -> AsyncIterator[Services]:
    """Everything a process needs, on a database that is migrated already.

    sandbox_url: where the sandbox answers, if polled. lookup: how webhooks' names are looked up.
    Raises SettingsInvalid, StorageFailed.
    """
    settings.require_keys()
    clock = clock or SystemClock()
    async with AsyncExitStack() as stack:
        store = await stack.enter_async_context(
            open_store(settings.database_url, clock=clock, cipher=Cipher(settings.keys))
        )
        waker = await stack.enter_async_context(open_waker(settings.redis_url))
        limiter = await stack.enter_async_context(open_limiter(settings.redis_url, clock=clock))
        painter = await stack.enter_async_context(open_painter())
        discord, webhooks = await _discord(stack, settings, clock=clock, paint=painter.paint)
        telegram, bot = await _telegram(stack, settings, clock=clock)
        desk = await _desk(stack, store, settings, lookup=lookup, webhooks=webhooks, bot=bot)
        senders = {
            Channel.WEBHOOK: await _webhook(stack, settings, clock=clock, lookup=lookup),
            **await stack.enter_async_context(open_watched(discord, telegram, store=store)),
        }
        yield Services(
            settings=settings,
            clock=clock,
            store=store,
            waker=waker,
            limiter=limiter,
            senders=senders,
            discord=discord,
            painter=painter,
            ladder=_ladder(settings),
            desk=desk,
            uses=await stack.enter_async_context(open_uses(store)),
            rules=_rules(store, senders, settings),
            terms=_terms(desk, settings),
            plan=await _plan(stack, settings, clock=clock, sandbox_url=sandbox_url),
        )


async def _webhook(
    stack: AsyncExitStack, settings: Settings, *, clock: Clock, lookup: Lookup
) -> Sender:
    sender = open_webhook_sender(
        clock=clock,
        https_only=settings.https_only,
        trusted=Trusted.parse(settings.trusted_destinations),
        deadline_seconds=settings.send_deadline_seconds,
        connect_seconds=min(5.0, settings.send_deadline_seconds),
        lookup=lookup,
    )
    return await stack.enter_async_context(sender)


async def _discord(
    stack: AsyncExitStack, settings: Settings, *, clock: Clock, paint: Paint
) -> tuple[DiscordSender, DiscordLookup]:
    """What posts to Discord, and what asks it about webhooks: refusals of both are counted."""
    url, deadline = settings.discord_api_url, settings.send_deadline_seconds
    http = await stack.enter_async_context(open_discord_http(url, deadline_seconds=deadline))
    restraint = Restraint(clock)
    token = settings.discord_bot_token.get_secret_value()
    sender = DiscordSender(http, restraint, clock, paint, bot_token=token)
    return sender, DiscordLookup(http, restraint)


async def _telegram(
    stack: AsyncExitStack, settings: Settings, *, clock: Clock
) -> tuple[TelegramSender, TelegramLookup]:
    url, deadline = settings.telegram_api_url, settings.send_deadline_seconds
    token = settings.telegram_bot_token.get_secret_value()
    opening = open_telegram(url, bot_token=token, clock=clock, deadline_seconds=deadline)
    return await stack.enter_async_context(opening)


async def _desk(
    stack: AsyncExitStack,
    store: Store,
    settings: Settings,
    *,
    lookup: Lookup,
    webhooks: DiscordLookup,
    bot: TelegramLookup,
) -> Desk:
    trusted = Trusted.parse(settings.trusted_destinations)
    vetting = open_vetting(https_only=settings.https_only, trusted=trusted, lookup=lookup)
    vet_url = await stack.enter_async_context(vetting)
    fresh = secrets.token_bytes(LOOKUP_KEY_BYTES)
    async with store.write() as tx:
        lookup_key = await ensure_lookup_key(tx, store.cipher, fresh)
    return Desk(
        store=store,
        lookup_key=lookup_key,
        vet_url=vet_url,
        vet_discord=webhooks.vet,
        link_chat=bot.link_chat,
        vet_headers=vet_headers,
        fresh_secret=secrets.token_bytes,
    )


def _ladder(settings: Settings) -> Ladder:
    def page(token: TokenId, symbol: str, name: str) -> str | None:
        return token_page(settings.token_page_url, token, symbol=symbol, name=name)

    return Ladder(settings.policies, page)


def _rules(store: Store, senders: Mapping[Channel, Sender], settings: Settings) -> Rules:
    sends = open_files.left_for_sends(open_files.limit())
    return Rules(
        vault=Vault(store.cipher),
        repeatable=frozenset(channel for channel, sender in senders.items() if sender.repeatable),
        worker=worker_name(),
        lease=settings.lease,
        width=IN_FLIGHT,
        lanes=min(max(sends // IN_FLIGHT, 1), MOST_LANES),
        pools=POOL_RATES,
    )


def _terms(desk: Desk, settings: Settings) -> Terms:
    return Terms(
        worker=worker_name(),
        schedule=settings.schedule,
        jitter=random.random,
        seal_address=desk.seal_address,
    )


def forget_startup() -> None:
    """Take what was made until now out of the garbage collector's rounds.

    Modules and tables stay for ever; looking through them stopped the event loop for 170 ms
    whenever a large cycle filled the oldest generation. Called once, when a process is ready.
    """
    gc.collect()
    gc.freeze()


def worker_name() -> str:
    """This process, as attempts name it."""
    return f"{socket.gethostname()}:{os.getpid()}"[:64]


async def _plan(
    stack: AsyncExitStack, settings: Settings, *, clock: Clock, sandbox_url: str
) -> Plan | None:
    name = settings.polled_source
    if name == "none":
        return None
    is_sandbox = name == "sandbox"
    source = TokenMetrics(
        name=SourceName(name),
        client=await stack.enter_async_context(open_client()),
        api_key=SANDBOX_KEY if is_sandbox else settings.token_metrics_api_key.get_secret_value(),
        clock=clock,
        base_url=sandbox_url if is_sandbox else settings.token_metrics_url,
        profile=Profile(settings.token_metrics_profile),
        tokens=settings.token_metrics_tokens,
        trusts_dates=is_sandbox,
    )
    return Plan(
        source=source,
        intervals={
            Kind.TRADER: timedelta(seconds=settings.trader_interval_seconds),
            Kind.FUNDAMENTAL: timedelta(seconds=settings.fundamental_interval_seconds),
        },
        per_minute=None if is_sandbox else settings.token_metrics_requests_per_minute,
        per_month=None if is_sandbox else settings.token_metrics_requests_per_month,
        jitter=random.random,
    )
