"""`gradebell db upgrade` and `gradebell check`: before anything runs."""

import re
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Final

import typer
from redis.asyncio import Redis
from redis.exceptions import RedisError

from alerts import telemetry
from alerts.bootstrap import Services
from alerts.cli.budget import Budget, budget_of
from alerts.cli.frame import FAILED, JsonOption, command, group, run, run_loop
from alerts.cli.show import fields, said
from alerts.cli.wording import plural
from alerts.domain.grades import Kind, TokenId, token_identity
from alerts.errors import SettingsInvalid, StorageFailed, Undecryptable
from alerts.settings import PREFIX, Settings, load_settings
from alerts.store.migrate import is_behind, upgrade
from alerts.store.tokens import load_labels
from alerts.store.watermarks import read_watermark

databases: Final = group("The database.")
REDIS_SECONDS: Final = 5


class Level(StrEnum):
    """How bad a finding is: only `wrong` makes `check` fail."""

    FINE = "fine"
    THINK = "think"
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that `check` looked at. setting: whose value it is about."""

    level: Level
    setting: str
    told: str


def add_to(app: typer.Typer) -> None:
    """Add the commands that stand by themselves."""
    command(app, "check", example="gradebell check --json")(check)


@command(databases, "upgrade", example="gradebell db upgrade")
def upgrade_(*, as_json: JsonOption = False) -> None:
    """Bring the database's tables to what this version needs; harmless when they are."""

    async def whole() -> None:
        settings = load_settings()
        settings.require_keys()
        telemetry.configure(settings.log_format, settings.log_level)
        is_ours = await upgrade(settings.database_url)
        told = (
            "The database is up to date."
            if is_ours
            else "The database is newer than this release: left as it is."
        )
        said(told, {"upgraded": is_ours}, as_json=as_json)

    run_loop(whole())


def check(*, as_json: JsonOption = False) -> None:
    """Say whether this configuration is sound, and how many requests a month it makes.

    Exit code 0 if it is, 1 if something is wrong.
    """

    async def work(services: Services) -> None:
        budget = await budget_of(services)
        found = [
            *await _database(services),
            *await _redis(services.settings),
            *_sending(services.settings),
            *_confirming(services.settings),
            *_source(services.settings, budget),
            *await _watched(services),
        ]
        _print(found, budget, as_json=as_json)

    try:
        run(work)
    except (SettingsInvalid, StorageFailed, Undecryptable) as error:
        if not as_json:
            raise
        # What keeps everything from starting is a finding, too.
        setting = re.search(rf"{PREFIX}[A-Z_]+", str(error))
        name = setting.group() if setting else f"{PREFIX}DATABASE_URL"
        _print([Finding(Level.WRONG, name, str(error))], None, as_json=True)


def _print(found: list[Finding], budget: Budget | None, *, as_json: bool) -> None:
    is_sound = all(finding.level is not Level.WRONG for finding in found)
    if as_json:
        requests = None if budget is None else asdict(budget) | {"a_month": budget.a_month}
        listed = [asdict(finding) for finding in found]
        fields({"sound": is_sound, "findings": listed, "requests": requests}, as_json=True)
    else:
        for finding in found:
            typer.echo(f"{finding.level.ljust(6)} {finding.setting}: {finding.told}")
    if not is_sound:
        raise typer.Exit(FAILED)


async def _database(services: Services) -> list[Finding]:
    """It was opened already, keys, tables and all."""
    name = "GRADEBELL_DATABASE_URL"
    if await is_behind(services.settings.database_url):
        told = "its tables are an older release's: `gradebell db upgrade` brings them up to date"
        return [Finding(Level.WRONG, name, told)]
    async with services.store.read() as tx:
        if tx.is_postgresql:
            return [Finding(Level.FINE, name, "PostgreSQL answers and has the tables")]
    told = "SQLite answers and has the tables"
    if services.settings.redis_url:
        told += "; workers on several machines, which Redis is for, need PostgreSQL"
        return [Finding(Level.THINK, name, told)]
    return [Finding(Level.FINE, name, told)]


async def _redis(settings: Settings) -> list[Finding]:
    name = "GRADEBELL_REDIS_URL"
    if not settings.redis_url:
        return [Finding(Level.FINE, name, "not set; each worker keeps its own clock")]
    redis = Redis.from_url(
        settings.redis_url, socket_connect_timeout=REDIS_SECONDS, socket_timeout=REDIS_SECONDS
    )
    try:
        await redis.ping()
    except (RedisError, OSError) as error:
        return [Finding(Level.WRONG, name, f"Redis does not answer ({type(error).__name__})")]
    finally:
        await redis.aclose()
    return [Finding(Level.FINE, name, "Redis answers")]


def _sending(settings: Settings) -> list[Finding]:
    found = []
    if not settings.https_only:
        told = "webhooks may go over plain http, for everybody on the way to read"
        found.append(Finding(Level.THINK, "GRADEBELL_HTTPS_ONLY", told))
    if settings.trusted_destinations:
        told = f"exempt from the rules on addresses: {settings.trusted_destinations}"
        found.append(Finding(Level.THINK, "GRADEBELL_TRUSTED_DESTINATIONS", told))
    if settings.host not in {"127.0.0.1", "::1", "localhost"} and not settings.public_url:
        told = f"the API listens on {settings.host}; put a proxy that speaks TLS in front of it"
        found.append(Finding(Level.THINK, "GRADEBELL_HOST", told))
    return found


def _confirming(settings: Settings) -> list[Finding]:
    """Settings that undo each other: nothing is refused, and nothing is as it was meant."""
    found = []
    for kind, policy in settings.policies.items():
        cycles = f"GRADEBELL_{kind.upper()}_CONFIRM_CYCLES"
        setting = f"GRADEBELL_{kind.upper()}_SURE_MARGIN"
        sure = policy.confirm.sure_margin
        if sure is None:
            continue
        if policy.confirm.readings == 1:
            told = f"of no effect: with {cycles}=1 every change is told at once"
            found.append(Finding(Level.THINK, setting, told))
        elif sure <= policy.margin:
            told = (
                f"every change is past the edge by {policy.margin / 100:g} points, so that with "
                f"{sure / 100:g} all are sure, and {cycles} is of no effect"
            )
            found.append(Finding(Level.THINK, setting, told))
    return found


def _source(settings: Settings, budget: Budget | None) -> list[Finding]:
    if budget is None:
        told = f"{settings.polled_source}: no requests are counted"
        return [Finding(Level.FINE, "GRADEBELL_SOURCE", told)]
    found = [_month(budget)]
    for kind, need in budget.kinds.items():
        setting = f"GRADEBELL_{kind.upper()}_INTERVAL_SECONDS"
        told = f"{need.sweeps_a_month} sweeps a month of {plural(need.pages, 'request')} each"
        if need.seconds_a_sweep > need.interval_seconds:
            told += (
                f"; at {budget.per_minute} a minute one takes {need.seconds_a_sweep} s, longer "
                f"than the {need.interval_seconds} s between them"
            )
            found.append(Finding(Level.WRONG, setting, told))
        else:
            found.append(Finding(Level.FINE, setting, told))
    if budget.is_guess:
        told = f"no sweep was seen yet; taken for {budget.tokens} tokens"
        found.append(Finding(Level.THINK, "GRADEBELL_TOKEN_METRICS_TOKENS", told))
    return found


async def _watched(services: Services) -> list[Finding]:
    """The ids on the watch list that upstream was asked for and has never brought a row of."""
    if services.plan is None:
        return []
    source, asked = services.plan.source.name, set[TokenId]()
    async with services.store.read() as tx:
        for kind in Kind:
            asked |= (await read_watermark(tx, source, kind)).asked or set()
        known = await load_labels(tx, source, wanted=sorted(asked))
    watched = services.settings.token_metrics_tokens
    unknown = asked - known.keys()
    missing = [each for each in watched if token_identity(source, each) in unknown]
    if not missing:
        return []
    told = f"upstream knows nothing of {', '.join(missing)}, so nothing is told of that"
    return [Finding(Level.THINK, "GRADEBELL_TOKEN_METRICS_TOKENS", told)]


def _month(budget: Budget) -> Finding:
    name = "GRADEBELL_TOKEN_METRICS_REQUESTS_PER_MONTH"
    told = f"{budget.a_month} requests a month, of {budget.per_month} ({budget.share_percent} %)"
    if budget.a_month <= budget.per_month:
        return Finding(Level.FINE, name, told)
    fitting = budget.fitting_trader_interval()
    mends = []
    if fitting is not None:
        mends.append(f"set GRADEBELL_TRADER_INTERVAL_SECONDS to {fitting} or more")
    if any(need.pages > 1 for need in budget.kinds.values()):
        mends.append("name at most 100 tokens in GRADEBELL_TOKEN_METRICS_TOKENS")
    mend = ", or ".join(mends) or "ask less often"
    return Finding(Level.WRONG, name, f"{told}; {mend}")
