"""Who is told: an endpoint for each way of asking, made as the API makes it."""

from datetime import timedelta
from decimal import Decimal

from alerts.bootstrap import Services
from alerts.channels.signing import format_secret
from alerts.domain.events import EventType
from alerts.domain.events import Window as Within
from alerts.domain.grades import Kind
from alerts.domain.ids import HOUSE_APP
from alerts.domain.subscriptions import Condition, Filter, Reach, Threshold
from alerts.pipeline.endpoints import Wish, create_webhook
from alerts.sources.sandbox.roster import BITCOIN
from alerts.sources.sandbox.scenarios import PLAIN, WOLVES
from tests.receiver import Receiver
from tests.truth.rules import Points, Window
from tests.truth.wanted import ALL_TYPES, USUAL_TYPES, Wanted

FEW = frozenset({BITCOIN, *WOLVES, *PLAIN[:20]})
WANTED = (
    Wanted("/everything", ALL_TYPES),
    Wanted("/usual", USUAL_TYPES),
    Wanted("/few", ALL_TYPES, FEW),
    # On an edge of a band, within one, and those of the other kind.
    Wanted(
        "/crossed",
        above={"trader": Decimal(60), "fundamental": Decimal("71.5")},
        below={"trader": Decimal("33.3"), "fundamental": Decimal(60)},
    ),
    Wanted("/few-crossed", USUAL_TYPES, FEW, above={"trader": Decimal(85)},
           below={"trader": Decimal("49.99")}),
    Wanted(
        "/given",
        ALL_TYPES,
        above={"trader": Decimal(50)},
        windows={"trader": Window(1, "points", Decimal(9), Decimal(9))},
        at_least={"fundamental": Decimal(60)},
        less_than={"trader": Decimal("55.5")},
    ),
    Wanted(
        "/moved",
        windows={
            "trader": Window(7, "points", Decimal(15), Decimal("12.5")),
            "fundamental": Window(7, "percent", Decimal(3), Decimal(2)),
        },
    ),
    Wanted(
        "/few-moved",
        USUAL_TYPES,
        FEW,
        windows={"trader": Window(1, "percent", Decimal(20), Decimal(15))},
    ),
    Wanted("/cooled", USUAL_TYPES, cooldown=timedelta(hours=10)),
    Wanted("/all-cooled", ALL_TYPES, cooldown=timedelta(hours=50)),
)  # fmt: skip


async def subscribe(services: Services, receiver: Receiver, source: str) -> list[str]:
    """Make the endpoints; their secrets."""
    secrets = []
    for want in WANTED:
        wish = Wish(
            wanted=_filter(want),
            tokens=None if want.tokens is None else [f"{source}:{t}" for t in want.tokens],
            cooldown_seconds=None if want.cooldown is None else int(want.cooldown.total_seconds()),
        )
        made = await create_webhook(HOUSE_APP, receiver.url(want.path), wish, desk=services.desk)
        secrets.append(format_secret(made.secret))
    return secrets


def _filter(want: Wanted) -> Filter:
    return Filter(
        types=frozenset(map(EventType, want.types)),
        thresholds=tuple(
            Threshold(kind, _hundredths(want.above, kind), _hundredths(want.below, kind))
            for kind in Kind
            if kind in want.above or kind in want.below
        ),
        windows=tuple(
            Reach(
                Kind(kind),
                Within(f"{each.days} {each.unit}"),
                int(each.rise * 100),
                int(each.fall * 100),
            )
            for kind, each in sorted(want.windows.items())
        ),
        given=tuple(
            Condition(kind, _hundredths(want.at_least, kind), _hundredths(want.less_than, kind))
            for kind in Kind
            if kind in want.at_least or kind in want.less_than
        ),
    )


def _hundredths(points: Points, kind: Kind) -> int | None:
    return int(points[kind] * 100) if kind in points else None
