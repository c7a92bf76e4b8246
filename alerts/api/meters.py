"""Meters: what a Prometheus reads of this process, and of the database behind it."""

from collections.abc import Iterable
from datetime import datetime
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

from alerts import __version__
from alerts.bootstrap import Services
from alerts.domain.deliveries import EndpointState
from alerts.pipeline.recover import LANES_REPAIRED
from alerts.store.counters import read_counter
from alerts.store.endpoints import count_endpoints
from alerts.store.events import current_sequence
from alerts.store.gauges import Backlog, read_backlog
from alerts.store.health import count_troubled
from alerts.store.sweeps import SourceRecord, list_states

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
_BUCKETS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
# A path that is no route of ours is somebody's guess; there is no end to those.
_NO_ROUTE: Final = "(none)"
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
# nginx's number for whoever did not wait for the answer.
_WENT_AWAY: Final = 499


class Meters:
    """Counts the requests of one application."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        self._requests = Counter(
            "gradebell_http_requests",
            "Requests answered.",
            ("method", "route", "status"),
            registry=self._registry,
        )
        self._seconds = Histogram(
            "gradebell_http_request_seconds",
            "Time to the end of the answer.",
            ("route",),
            buckets=_BUCKETS,
            registry=self._registry,
        )

    def note(self, method: str, route: str | None, *, status: int, seconds: float) -> None:
        """Count one request. route: its pattern, never its path."""
        name = route or _NO_ROUTE
        verb = method if method in _METHODS else "other"
        self._requests.labels(verb, name, str(status or _WENT_AWAY)).inc()
        self._seconds.labels(name).observe(seconds)

    async def read(self, services: Services) -> bytes:
        """All there is to tell, as Prometheus reads it."""
        registry = CollectorRegistry()
        registry.register(_Told(await _read_store(services)))
        return generate_latest(self._registry) + generate_latest(registry)


class _Told(Collector):
    """Families that were read before."""

    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = tuple(families)

    def collect(self) -> Iterable[Metric]:
        return self._families


async def _read_store(services: Services) -> list[Metric]:
    async with services.store.read() as tx:
        now = await tx.now()
        backlog = await read_backlog(tx)
        events = await current_sequence(tx)
        repaired = await read_counter(tx, LANES_REPAIRED)
        is_open, failing = await count_troubled(tx)
        endpoints = {state.value: await count_endpoints(tx, state) for state in EndpointState}
        sources = await list_states(tx)
    build = GaugeMetricFamily("gradebell_build", "The version that runs.", labels=("version",))
    build.add_metric((__version__,), 1)
    by_state = GaugeMetricFamily("gradebell_endpoints", "Endpoints.", labels=("state",))
    for state, count in endpoints.items():
        by_state.add_metric((state,), count)
    return [
        build,
        by_state,
        *_standing(sources),
        *_backlog(backlog, now),
        GaugeMetricFamily(
            "gradebell_breakers_open", "Endpoints that are sent a probe at most.", value=is_open
        ),
        GaugeMetricFamily(
            "gradebell_endpoints_failing", "Endpoints half-way to be disabled.", value=failing
        ),
        CounterMetricFamily("gradebell_events", "Events numbered so far.", value=events),
        CounterMetricFamily(
            "gradebell_lanes_repaired", "Lanes that had fallen asleep; a bug each.", value=repaired
        ),
    ]


def _standing(sources: Iterable[SourceRecord]) -> list[Metric]:
    state = GaugeMetricFamily(
        "gradebell_source_state",
        "1 for the state that each kind of the source polled is in.",
        labels=("source", "kind", "state"),
    )
    skew = GaugeMetricFamily(
        "gradebell_source_clock_skew_seconds",
        "How far the clock of the source polled is ahead of ours.",
        labels=("source", "kind"),
    )
    for row in sources:
        state.add_metric((row.source, row.kind.value, row.state.value), 1)
        if row.clock_skew_seconds is not None:
            skew.add_metric((row.source, row.kind.value), row.clock_skew_seconds)
    return [state, skew]


def _backlog(backlog: Backlog, now: datetime) -> list[Metric]:
    due = backlog.oldest_due_at
    late = 0.0 if due is None else max(0.0, (now - due).total_seconds())
    told: tuple[tuple[str, str, float], ...] = (
        ("gradebell_deliveries_waiting", "Deliveries pending.", backlog.deliveries),
        ("gradebell_lanes_late_seconds", "How long the first lane has been due.", late),
        ("gradebell_cycles_open", "Cycles not fanned out yet.", backlog.cycles_open),
        ("gradebell_cycles_held", "Cycles that wait for a decision.", backlog.cycles_held),
    )
    return [GaugeMetricFamily(name, meaning, value=value) for name, meaning, value in told]
