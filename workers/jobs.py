"""The jobs that the clock starts: each takes services and calls one step of the pipeline."""

from alerts.bootstrap import Services
from alerts.domain.grades import Kind
from alerts.pipeline.diff import diff_cycle
from alerts.pipeline.fan_out import fan_out_cycles
from alerts.pipeline.poll import poll
from alerts.pipeline.recover import reap
from alerts.pipeline.retain import drop_old
from alerts.store.cycles import CycleState, open_cycles


async def poll_sources(services: Services) -> None:
    """Fetch the next page of each kind that is due."""
    if services.plan is None:
        return
    for kind in Kind:
        for cycle_id in await poll(kind, store=services.store, plan=services.plan):
            await diff_cycle(cycle_id, store=services.store, ladder=services.ladder)
            await services.waker.wake()


async def finish_cycles(services: Services) -> None:
    """Diff and fan out what a lost process left behind."""
    async with services.store.read() as tx:
        waiting = await open_cycles(tx, CycleState.RECEIVED, CycleState.SEALED)
    for cycle_id in waiting:
        await diff_cycle(cycle_id, store=services.store, ladder=services.ladder)
    await fan_out_cycles(store=services.store, waker=services.waker)


async def reap_lanes(services: Services) -> None:
    """Free the lanes of lost workers."""
    rules = services.rules
    await reap(store=services.store, repeatable=rules.repeatable, worker=rules.worker)


async def drop_old_rows(services: Services) -> None:
    """Forget what is older than it is kept."""
    await drop_old(store=services.store)
