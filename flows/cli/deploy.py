"""`descent deploy`."""

from pathlib import Path

import click

from flows.cli.options import config_argument, store_option


@click.command("deploy")
@config_argument
@store_option
@click.option("--pool", metavar="NAME", help="The work pool, instead of `rebuild.pool`.")
def command(config: Path, store: Path, pool: str | None) -> None:
    """Register the flows of the family that CONFIG describes, for a Prefect work pool.

    A worker of that pool runs them: when the schedule of the family's `rebuild` section comes due,
    when its flagship changes, and when another family that it waits for is promoted. CONFIG and the
    store must be where the worker runs, under these paths.

    \b
    Example:
      prefect work-pool create main --type process
      descent deploy configs/quickstart.yaml --pool main
    """
    from family.errors import DescentError
    from flows.cli.deploying import found
    from flows.cli.show import show
    from flows.server import prefect_server

    with prefect_server() as url:
        from flows.deployments import register

        spec, made = found(config, store)
        if not (pool := pool or spec.rebuild.pool):
            raise DescentError(
                "rebuild.pool: no work pool is named. Name one there or with --pool, or run the "
                f"family on this machine: descent serve {config}"
            )
        for one in made:
            register(one, pool)
        show(
            *(f"{one.flow_name}/{one.name} is deployed to {pool}" for one in made),
            f"The server: {url}. Start a worker: prefect worker start --pool {pool}",
        )
