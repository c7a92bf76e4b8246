"""The last seven days: what `/upgrades` shows, whoever asks."""

from dataclasses import replace
from datetime import timedelta
from typing import Final

from alerts.bootstrap import Services
from alerts.domain.digests import Digest, KindDigest, Window
from alerts.domain.summaries import Wants
from alerts.pipeline.survey import Surveys
from alerts.store.digests import last_sequence_before

DAYS: Final = timedelta(days=7)
ROWS: Final = 10


async def week_so_far(services: Services, surveys: Surveys) -> Digest:
    """The upgrades and downgrades of the last seven days, net, and nothing else.

    surveys: kept between calls, so that many who ask in one minute cost one reading.
    """
    async with services.store.read() as tx:
        now = await tx.now()
        ends_at = now.replace(second=0, microsecond=0) + timedelta(minutes=1)
        starts_at = ends_at - DAYS
        year, week, _ = now.isocalendar()
        window = Window(
            period=f"{year}-W{week:02}",
            weeks=1,
            starts_at=starts_at,
            ends_at=ends_at,
            time_zone="UTC",
            from_sequence=await last_sequence_before(tx, starts_at),
            through_sequence=await last_sequence_before(tx, ends_at),
        )
        digest = await surveys.digest(tx, window, Wants(top=ROWS))
    return replace(digest, kinds=tuple(_climbs(kind) for kind in digest.kinds))


def _climbs(kind: KindDigest) -> KindDigest:
    return KindDigest(
        kind=kind.kind,
        bands=kind.bands,
        tokens=kind.tokens,
        as_of=kind.as_of,
        upgrades=kind.upgrades,
        downgrades=kind.downgrades,
        rebased=kind.rebased,
    )
