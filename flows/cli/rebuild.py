"""`descent rebuild`."""

from pathlib import Path

import click

from flows.cli.options import config_argument, store_option, verbose_option


@click.command("rebuild")
@config_argument
@store_option
@click.option("--no-release", is_flag=True, help="Build and compare, and stop there.")
@verbose_option
def command(config: Path, store: Path, no_release: bool, verbose: bool) -> None:
    """Bring the family that CONFIG describes up to date, and put it up for approval.

    Looks at every input, builds what is stale, holds each tier against the last release (as
    `rebuild.fall` of the family file allows), and makes the result the candidate. Where nothing is
    stale it ends in seconds. It is what `descent deploy` and `descent serve` run on a schedule.

    \b
    Example:
      descent rebuild configs/quickstart.yaml
      descent rebuild configs/quickstart.yaml --no-release
    """
    from flows.cli.show import show
    from flows.cli.terminal import terminal
    from flows.server import prefect_api
    from flows.watch import watcher

    with prefect_api(verbose=verbose):
        from flows.rebuild import rebuild

        with terminal() as follow:
            watcher.set(follow)
            state = rebuild(config, store, release=not no_release, return_state=True)
            state.result()  # raises what ended it
    show(f"{state.name}. {state.message or ''}")
