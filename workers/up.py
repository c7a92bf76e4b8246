"""`gradebell up`: the whole service in one process, ready to be looked at."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from functools import partial
from typing import Final

from pydantic import SecretStr
from rich.console import Console
from rich.text import Text

from alerts import telemetry
from alerts.bootstrap import Services, SystemClock
from alerts.cli.bots import be_on_discord, be_on_telegram
from alerts.cli.frame import opened, stopped_by_signals
from alerts.cli.receiver import Receiver, open_receiver
from alerts.cli.serve import open_api
from alerts.domain.deliveries import EndpointState
from alerts.domain.ids import HOUSE_APP
from alerts.errors import SettingsInvalid, Undecryptable
from alerts.pipeline.access import Scope, create_key
from alerts.pipeline.endpoints import Wish, create_webhook, enable
from alerts.settings import ENV_FILE, Settings, load_settings
from alerts.sources.sandbox.app import create_sandbox
from alerts.sources.sandbox.clock import VirtualClock
from alerts.sources.sandbox.generator import Market
from alerts.sources.sandbox.profiles import ProfileName
from alerts.sources.sandbox.roster import DEFAULT_SIZE
from alerts.sources.sandbox.server import open_sandbox
from alerts.store.apps import list_keys, revoke_key
from alerts.store.cipher import Cipher
from alerts.store.databases import file_of
from alerts.store.endpoints import EndpointRecord, list_endpoints, move_endpoint
from alerts.store.migrate import stored_secret, upgrade
from alerts.store.secrets import live_secrets, signing_secrets
from alerts.store.sweeps import list_states, open_sweep
from workers.alone import alone
from workers.days import Days
from workers.env_file import write_missing_keys
from workers.inline import run_clock
from workers.terminal import View, troubled
from workers.worker import Clock, work

Bot = Callable[[Services, asyncio.Event], Awaitable[None]]

DAY_SECONDS: Final = 60.0
SEED: Final = 1
DEMO: Final = "demo"
DEMO_KEY: Final = "demo key of `gradebell up`"
SAMPLE: Final = "sample receiver of `gradebell up`"
SCOPES: Final = (Scope.READ, Scope.WRITE, Scope.INGEST)
PAGE: Final = 200
TELEGRAM_TOKEN: Final = (
    "For a bot on Telegram: write /newbot to @BotFather there, and put the token that it gives you "
    f"in {ENV_FILE}, as GRADEBELL_TELEGRAM_BOT_TOKEN"
)
# How long a send that hangs may hold up the end; it is sent again at the next start.
END_SECONDS: Final = 4.0


async def run_up(console: Console, *, day_seconds: float) -> None:
    """Set up what is missing, and run until a signal comes.

    Raises SettingsInvalid, StorageFailed, and Conflict where another one runs already.
    """
    given = load_settings()
    with alone(given.database_url):
        await _check_keys(given)
        made = write_missing_keys(given, ENV_FILE)
        settings = load_settings()
        settings.require_keys()
        await upgrade(settings.database_url)
        await _run_alone(console, settings, day_seconds=day_seconds, made=made)


async def _run_alone(
    console: Console, settings: Settings, *, day_seconds: float, made: tuple[str, ...]
) -> None:
    stop = stopped_by_signals()
    view = View(console)
    telemetry.configure(telemetry.LogFormat.CONSOLE, "INFO", tell=view.hear)
    clock = SystemClock()
    async with AsyncExitStack() as stack:
        receiver = await stack.enter_async_context(
            open_receiver([], port=0, clock=clock, tell=view.receive)
        )
        settings = _with_receiver(settings, receiver)
        days, sandbox_url = None, ""
        if settings.polled_source == "sandbox":
            calendar = VirtualClock(clock=clock)
            app = create_sandbox(
                market=Market(seed=SEED, size=DEFAULT_SIZE),
                clock=calendar,
                profile=ProfileName(settings.token_metrics_profile),
            )
            sandbox_url = await stack.enter_async_context(open_sandbox(app))
            days = Days(calendar)
        services = await stack.enter_async_context(
            opened(settings, clock=clock, sandbox_url=sandbox_url)
        )
        url = await stack.enter_async_context(open_api(services))
        endpoint = await _adopt(services, receiver)
        key = await _demo_key(services)
        has_telegram = bool(settings.telegram_bot_token.get_secret_value())
        _welcome(view, url=url, key=key, endpoint=endpoint, made=made, has_telegram=has_telegram)
        for line in await _waiting(services):
            view.say(line)
        ticking: Clock = run_clock
        if days is not None:
            await days.begin(services.store)
            ticking = partial(run_clock, schedule=days.schedule(day_seconds))
        await _run(services, view, stop=stop, ticking=ticking)
        with suppress(BrokenPipeError):
            view.say("Stopped. The next start goes on from here.")


async def _check_keys(settings: Settings) -> None:
    """A new key beside an old database would lock its secrets away. Raises SettingsInvalid."""
    secret = await stored_secret(settings.database_url)
    if secret is None:
        return
    try:
        if settings.keys:
            Cipher(settings.keys).decrypt(secret)
            return
    except Undecryptable:
        pass
    database = file_of(settings.database_url) or "the database"
    told = "does not hold" if settings.keys else "is not set, and it held"
    problem = (
        f"GRADEBELL_ENCRYPTION_KEYS {told} the key that {database} was made with: "
        f"restore the old {ENV_FILE}, or move {database} away"
    )
    raise SettingsInvalid(problem)


def _with_receiver(settings: Settings, receiver: Receiver) -> Settings:
    """The receiver is on loopback, where nothing is sent unless it is named."""
    trusted = f"{settings.trusted_destinations},{receiver.destination}".strip(",")
    return settings.model_copy(update={"trusted_destinations": trusted})


async def _adopt(services: Services, receiver: Receiver) -> EndpointRecord:
    """Make the receiver an endpoint of `house`, or the new address of the one it was before."""
    known = await _sample_endpoint(services)
    if known is None:
        made = await create_webhook(
            HOUSE_APP, receiver.url, Wish(description=SAMPLE), desk=services.desk
        )
        receiver.secrets = [made.secret]
        return made.endpoint
    address = await services.desk.vet_url(receiver.url)
    ciphertext, hashed = services.desk.seal_address(address)
    async with services.store.write() as tx:
        await move_endpoint(tx, known.id, ciphertext, hashed=hashed)
        live = await live_secrets(tx, [known.id])
    receiver.secrets = [secret.key for secret in signing_secrets(services.store.cipher, live)]
    if known.state is EndpointState.DISABLED:
        return await enable(known.id, app_id=HOUSE_APP, desk=services.desk)
    return known


async def _sample_endpoint(services: Services) -> EndpointRecord | None:
    before = None
    while True:
        async with services.store.read() as tx:
            page = await list_endpoints(tx, app_id=HOUSE_APP, before=before, limit=PAGE)
        for endpoint in page:
            if endpoint.description == SAMPLE:
                return endpoint
        if len(page) < PAGE:
            return None
        before = page[-1].id


async def _demo_key(services: Services) -> str:
    """A key to try the API with. Keys are kept as hashes, so each start makes a new one."""
    before: str | None = None
    while before != "":
        async with services.store.write() as tx:
            page = await list_keys(tx, app_id=HOUSE_APP, before=before, limit=PAGE)
            for record in page:
                if record.description == DEMO_KEY and record.revoked_at is None:
                    await revoke_key(tx, record.id)
        before = page[-1].id if len(page) == PAGE else ""
    _, text = await create_key(
        HOUSE_APP,
        scopes=SCOPES,
        sources=[DEMO],
        description=DEMO_KEY,
        store=services.store,
        fresh_secret=services.desk.fresh_secret,
    )
    return text


def _welcome(
    view: View,
    *,
    url: str,
    key: str,
    endpoint: EndpointRecord,
    made: tuple[str, ...],
    has_telegram: bool,
) -> None:
    bold = partial(Text, style="bold")
    lines = [
        Text.assemble(bold("Gradebell"), f" answers on {url}; its API is told at {url}/docs"),
        Text.assemble("Demo key, until the next start: ", bold(key)),
        Text(f"Sample receiver: endpoint {endpoint.id}; it verifies every signature"),
        Text("Try, in another terminal:"),
        Text(f"  curl -H 'Authorization: Bearer {key}' '{url}/v1/events?after=0&limit=3'"),
        Text("Ctrl-C ends it.", "dim"),
    ]
    if not has_telegram:
        lines.insert(-1, Text(TELEGRAM_TOKEN))
    if made:
        lines.insert(1, Text(f"Made for you, in {ENV_FILE}: {' and '.join(made)}"))
    if endpoint.state is not EndpointState.ACTIVE:
        lines.append(Text(f"The sample receiver is {endpoint.state}: it gets nothing.", "yellow"))
    for line in lines:
        view.say(line)
    view.say()


async def _waiting(services: Services) -> list[Text]:
    """A line for each kind that an earlier run left in trouble: it waits on through a restart."""
    plan = services.plan
    if plan is None:
        return []
    lines = []
    async with services.store.read() as tx:
        now = await tx.now()
        for record in await list_states(tx):
            sweep = await open_sweep(tx, record.source, record.kind)
            if record.source != plan.source.name or record.detail is None or sweep is None:
                continue
            wait = (sweep.not_before - now).total_seconds()
            if wait > 0:
                told = troubled(record.kind, record.state, wait=wait, detail=record.detail)
                lines.append(Text.assemble(("! ", "yellow"), told))
    return lines


async def _run(services: Services, view: View, *, stop: asyncio.Event, ticking: Clock) -> None:
    """Work and show, until `stop` or until nobody reads what is shown."""
    showing = asyncio.create_task(view.run(services.store))
    working = asyncio.create_task(work(services, stop, ticking))
    chatting = asyncio.create_task(_chat(services, view, stop))
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait({showing, working, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stop.set()
    _, late = await asyncio.wait({working, chatting}, timeout=END_SECONDS)
    for task in late:
        task.cancel()
    view.end()
    for task in (working, chatting):
        with suppress(asyncio.CancelledError):
            await task
    with suppress(BrokenPipeError):
        await showing
    stopping.cancel()


async def _chat(services: Services, view: View, stop: asyncio.Event) -> None:
    """Be the bots for which there is a token; all else goes on without them."""

    async def be(bot: Bot, token: SecretStr, where: str) -> None:
        if token.get_secret_value():
            try:
                await bot(services, stop)
            except SettingsInvalid as error:
                view.say(Text.assemble(("! ", "yellow"), f"No bot on {where}: {error}"))

    settings = services.settings
    async with asyncio.TaskGroup() as group:
        group.create_task(be(be_on_discord, settings.discord_bot_token, "Discord"))
        group.create_task(be(be_on_telegram, settings.telegram_bot_token, "Telegram"))
