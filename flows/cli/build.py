"""`descent build`."""

from pathlib import Path

import click

from flows.cli.options import config_argument, no_wait_option, store_option, verbose_option


@click.command("build")
@config_argument
@store_option
@no_wait_option
@verbose_option
def command(config: Path, store: Path, no_wait: bool, verbose: bool) -> None:
    """Build the family that CONFIG describes.

    What was built before is reused; the rest is built, verified and recorded. A tier that fails
    (exit code 1) or misses a bound of its gate (exit code 3) is reported, and holds back the
    tiers that build on it. Ctrl-C stops cleanly: the same command goes on from there.

    The build is a Prefect flow. Its runs are on the server that PREFECT_API_URL names, else in
    the local database, where `prefect server start` shows them.

    \b
    Example:
      descent build configs/quickstart.yaml
      descent build configs/quickstart.yaml --store /mnt/large/store --no-wait
    """
    from export.targets import faults
    from family.lineage.queries import Lineage
    from family.lineage.scorecard import scorecard
    from family.load import load
    from family.store import Store
    from flows import planning
    from flows.cli.show import show
    from flows.cli.terminal import terminal
    from flows.server import prefect_api
    from flows.watch import watcher

    spec = load(config, faults)
    opened, incomplete = Store(store), None
    with prefect_api(verbose=verbose):
        from flows.build import IncompleteError, build
        from flows.reports import folder

        planned = planning.costs(spec, opened.root).stages
        minutes = {f"{one.tier}/{one.stage}": one.estimate.minutes for one in planned}
        with terminal(minutes) as follow:
            watcher.set(follow)
            try:
                build(spec, store=opened.root, wait=not no_wait)
            except IncompleteError as error:
                incomplete = error
            except KeyboardInterrupt:
                follow.warned("stopped. What was sealed is kept; the same command goes on.")
                raise
        reports = folder(opened, spec.family)
    show(scorecard(Lineage(opened).status(spec.family)).table(), f"The reports: {reports}")
    if incomplete:
        raise incomplete
