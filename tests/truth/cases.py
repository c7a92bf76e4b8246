"""What is tried: each scenario with the service as it ships, and some with another one."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from alerts.sources.sandbox.roster import BITCOIN, ETHEREUM, NEWCOMER, STABLECOIN
from alerts.sources.sandbox.scenario import Scenario, moment
from alerts.sources.sandbox.scenarios import PLAIN, SCENARIOS, WOLVES
from tests.truth.ladder import Ladder

Tokens = frozenset[int] | None
# Upstream has never heard of it.
NOBODY = 999_999


@dataclass(frozen=True, slots=True)
class Case:
    """A scenario, and the service that goes through it.

    confirm: by kind, in how many days in a row a change of band is confirmed, and how many points
    past the edge are enough at once. lists: since when it asks for which tokens; None: for all.
    """

    name: str
    scenario: Scenario
    confirm: Mapping[str, tuple[int, int | None]] = field(default_factory=dict)
    lists: tuple[tuple[datetime, Tokens], ...] = ()

    def ladder(self, kind: str) -> Ladder:
        """The bands of a kind, as this service holds them."""
        return Ladder(kind, *self.confirm.get(kind, ()))

    def asked(self, now: datetime) -> Tokens:
        """What it asks for now."""
        return next((tokens for since, tokens in reversed(self.lists) if since <= now), None)

    @property
    def knobs(self) -> dict[str, object]:
        """The settings that make it so."""
        found: dict[str, object] = {}
        for kind, (days, sure) in self.confirm.items():
            found |= {f"{kind}_confirm_cycles": days, f"{kind}_sure_margin": sure}
        return found


_FEW = frozenset({BITCOIN, ETHEREUM, NEWCOMER, NOBODY, *WOLVES, *PLAIN[:8]})
_OTHERS = frozenset({BITCOIN, STABLECOIN, NEWCOMER, *PLAIN[6:12]})
_VARIANTS = (
    Case(
        "see-saw-confirmed",
        SCENARIOS["see-saw"],
        confirm={"trader": (3, 10), "fundamental": (2, None)},
    ),
    Case(
        "vanishing-watched",
        SCENARIOS["vanishing"],
        lists=((moment(0), _FEW), (moment(2, 10, 30), _OTHERS), (moment(13, 4, 30), None)),
    ),
)
CASES: Mapping[str, Case] = {
    **{name: Case(name, scenario) for name, scenario in SCENARIOS.items()},
    **{variant.name: variant for variant in _VARIANTS},
}
