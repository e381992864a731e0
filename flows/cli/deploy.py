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
    store must be where the worker runs, under these paths; the store may be at a URL. Each pool of
    `runs_on` gets a deployment more, by which its workers make the stages that it is to run.

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
        from flows.deployments import check_pools, for_pools, register

        spec, made = found(config, store)
        pool = pool or spec.rebuild.pool
        asked = {f"runs_on.{stage}": place for stage, place in spec.runs_on.items()}
        check_pools(({"rebuild.pool": pool} if pool else {}) | asked)
        if not (pool or asked):
            raise DescentError(
                "rebuild.pool: no work pool is named. Name one there or with --pool, or run the "
                f"family on this machine: descent serve {config}"
            )
        places = [(place, one) for place, one in for_pools(spec).items()]
        places += [(pool, one) for one in made if pool]
        for place, one in places:
            register(one, place)
        show(
            *(f"{one.flow_name}/{one.name} is deployed to {place}" for place, one in places),
            f"The server: {url}. Start workers:",
            *(f"  prefect worker start --pool {place}" for place in sorted({*dict(places)})),
        )
