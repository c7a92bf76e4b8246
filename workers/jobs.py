"""The jobs that the clock starts: each takes services and calls one step of the pipeline."""

from collections.abc import Awaitable

from alerts.bootstrap import Services
from alerts.domain.grades import Kind
from alerts.pipeline.diff import diff_cycle
from alerts.pipeline.fan_out import fan_out_events
from alerts.pipeline.freshness import watch_freshness
from alerts.pipeline.poll import Plan, poll
from alerts.pipeline.recover import reap
from alerts.pipeline.retain import drop_old
from alerts.ports import Call
from alerts.store.cycles import CycleState, open_cycles
from alerts.telemetry import Step, fail


async def poll_sources(services: Services) -> None:
    """Fetch the next page of each kind that is due."""
    if services.plan is None:
        return
    for kind in Kind:
        await _alone(_poll(kind, services, services.plan), job=f"poll_{kind}")


async def watch_sources(services: Services) -> None:
    """Say so when a source grows stale, or no longer is."""
    if services.plan is None:
        return
    for kind in Kind:
        watching = watch_freshness(kind, store=services.store, plan=services.plan)
        await _alone(watching, job=f"watch_{kind}")


async def finish_cycles(services: Services) -> None:
    """Diff and fan out what a lost process left behind."""
    async with services.store.read() as tx:
        waiting = await open_cycles(tx, CycleState.RECEIVED, CycleState.SEALED)
    for cycle_id in waiting:
        differing = diff_cycle(cycle_id, store=services.store, ladder=services.ladder)
        await _alone(differing, job=f"diff_{cycle_id}")
    await fan_out_events(store=services.store, waker=services.waker)


async def reap_lanes(services: Services) -> None:
    """Free the lanes of lost workers."""
    rules = services.rules
    await reap(store=services.store, repeatable=rules.repeatable, worker=rules.worker)


async def tell_digests(services: Services) -> None:
    """Sum up the weeks that are due."""
    run = services.digest_run(draws=True)
    for endpoint_id in await run.due():
        await _alone(run.tell(endpoint_id), job=f"digest_{endpoint_id}")


async def drop_old_rows(services: Services) -> None:
    """Forget what is older than it is kept."""
    await drop_old(services.settings.kept, store=services.store)


async def _poll(kind: Kind, services: Services, plan: Plan) -> None:
    for cycle_id in await poll(kind, store=services.store, plan=plan):
        await diff_cycle(cycle_id, store=services.store, ladder=services.ladder)
        await services.waker.wake(Call.CYCLES)


async def _alone(work: Awaitable[object], *, job: str) -> None:
    """Do one item of a job: what breaks it does not keep the others."""
    try:
        await work
    except Exception as error:  # noqa: BLE001 - a process edge: one bad item is not the end.
        fail(Step.JOB_FAILED, error, job=job)
