"""`gradebell sandbox`: an upstream to try things with."""

import math
from datetime import date
from typing import Annotated, Final

import typer

from alerts.bootstrap import SystemClock
from alerts.cli.frame import command, run_loop, stopped_by_signals
from alerts.errors import InvalidInput
from alerts.sources.sandbox.address import DEFAULT_PORT, SANDBOX_KEY
from alerts.sources.sandbox.app import create_sandbox
from alerts.sources.sandbox.clock import VirtualClock
from alerts.sources.sandbox.generator import Market
from alerts.sources.sandbox.plans import PLANS, Plan
from alerts.sources.sandbox.profiles import ProfileName
from alerts.sources.sandbox.roster import DEFAULT_SIZE, OPENING
from alerts.sources.sandbox.scenario import Scenario
from alerts.sources.sandbox.scenarios import SCENARIOS
from alerts.sources.sandbox.server import open_sandbox

FIRST_DAY: Final = OPENING.isoformat()
Port = Annotated[int, typer.Option(min=0, max=65_535, help="0 takes a free one.")]
Seed = Annotated[int, typer.Option(help="The same seed makes the same grades.")]
Tokens = Annotated[int, typer.Option(help="How many tokens there are.")]
Today = Annotated[str, typer.Option(metavar="DATE", help="The virtual day to begin with.")]
DaySeconds = Annotated[
    float, typer.Option(min=0, help="Real seconds a day lasts; 0: days pass on request only.")
]
Undated = Annotated[bool, typer.Option("--undated", help="Date only the rows that upstream dates.")]
Profile = Annotated[ProfileName, typer.Option(help="What upstream was like at a time.")]
Pace = Annotated[
    str, typer.Option(metavar="PLAN", help=f"How often it may be asked: {', '.join(PLANS)}.")
]
Strict = Annotated[
    bool, typer.Option("--strict", help="Refuse unknown parameters; upstream ignores them.")
]


Named = Annotated[
    str,
    typer.Option(
        metavar="NAME",
        help="Run a scenario, with a market, a profile and faults of its own, from its own first"
        f" day on; where no speed is given, a day a minute. One of: {', '.join(SCENARIOS)}.",
    ),
]
_SCENARIO_DAY_SECONDS: Final = 60.0
# What it is to be asked where its plan says nothing, and how often in one of its days.
_MANY: Final = PLANS["vip"]
_TRADER_SWEEPS_A_DAY: Final = 4


def add_to(app: typer.Typer) -> None:
    """Add this command."""
    command(app, "sandbox", example="gradebell sandbox --scenario outage-2h --day-seconds 30")(
        sandbox
    )


def sandbox(
    *,
    port: Port = DEFAULT_PORT,
    seed: Seed = 1,
    tokens: Tokens = DEFAULT_SIZE,
    today: Today = FIRST_DAY,
    day_seconds: DaySeconds = 0,
    undated: Undated = False,
    profile: Profile = ProfileName.V2_2025_08,
    plan: Pace = "unlimited",
    strict: Strict = False,
    scenario: Named = "",
) -> None:
    """Stand in for the Token Metrics API on loopback, with invented grades."""
    chosen = _scenario(scenario, size=tokens, profile=profile, today=today)
    market = chosen.market() if scenario else Market(seed=seed, size=tokens)
    if plan not in PLANS:
        raise InvalidInput("plan", f"must be one of {', '.join(PLANS)}, not {plan!a}")
    pace = day_seconds or (_SCENARIO_DAY_SECONDS if scenario else 0)

    async def serve() -> None:
        stop = stopped_by_signals()
        clock = VirtualClock(clock=SystemClock(), today=chosen.start.date(), day_seconds=pace)
        stand_in = create_sandbox(
            market=market,
            clock=clock,
            dated=not undated,
            profile=chosen.profile,
            plan=PLANS[plan],
            strict=strict,
            faults=chosen.faults,
        )
        async with open_sandbox(stand_in, port=port) as url:
            _welcome(url, clock, chosen, plan=PLANS[plan])
            await stop.wait()

    run_loop(serve())


def _scenario(name: str, *, size: int, profile: ProfileName, today: str) -> Scenario:
    """The scenario of this name; without one, what the other options come to."""
    if name:
        if name not in SCENARIOS:
            raise InvalidInput("scenario", f"must be one of {', '.join(SCENARIOS)}, not {name!a}")
        return SCENARIOS[name]
    try:
        first_day = (date.fromisoformat(today) - OPENING).days
    except ValueError:
        raise InvalidInput("today", f"must be a date such as {OPENING}, not {today!a}") from None
    return Scenario("", "", 0, size=size, profile=profile, first_day=first_day)


def _welcome(url: str, clock: VirtualClock, scenario: Scenario, *, plan: Plan) -> None:
    typer.echo(f"The sandbox answers on {url} (day {clock.today}); Ctrl-C ends it.")
    if scenario.name:
        typer.echo(f"Scenario {scenario.name}, until {scenario.end:%Y-%m-%d %H:%M}Z of its time,")
        typer.echo(f"of which a day takes {clock.day_seconds:g} s. {scenario.about}")
    typer.echo(f"It takes the key {SANDBOX_KEY} in the header x-api-key. To have it polled:")
    wanted: dict[str, object] = {
        "TOKEN_METRICS_URL": url,
        "TOKEN_METRICS_API_KEY": SANDBOX_KEY,
        "TOKEN_METRICS_PROFILE": scenario.profile,
        "TOKEN_METRICS_REQUESTS_PER_MINUTE": plan.per_minute or _MANY.per_minute,
        "TOKEN_METRICS_REQUESTS_PER_MONTH": plan.per_month or _MANY.per_month,
    }
    if clock.day_seconds:
        wanted["TRADER_INTERVAL_SECONDS"] = math.ceil(clock.day_seconds / _TRADER_SWEEPS_A_DAY)
        wanted["FUNDAMENTAL_INTERVAL_SECONDS"] = math.ceil(clock.day_seconds)
    for name, value in wanted.items():
        typer.echo(f"GRADEBELL_{name}={value}")
