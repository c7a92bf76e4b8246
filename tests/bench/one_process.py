"""API and worker in one process, as `gradebell up` has them, without its screen and receiver.

`python -m tests.bench.one_process`, with settings in the environment.
"""

from alerts import telemetry
from alerts.bootstrap import open_services
from alerts.cli.frame import run_loop, stopped_by_signals
from alerts.cli.serve import open_api
from alerts.settings import load_settings
from workers.inline import run_clock
from workers.worker import work


async def main() -> None:
    """Run until a signal comes."""
    settings = load_settings()
    telemetry.configure(settings.log_format, settings.log_level)
    async with open_services(settings) as services, open_api(services):
        await work(services, stopped_by_signals(), run_clock)


if __name__ == "__main__":
    run_loop(main())
