"""`descent deploy`."""

from pathlib import Path

import click

from flows.cli.options import config_argument, output_option, store_option


@click.command("deploy")
@config_argument
@store_option
@click.option("--pool", metavar="NAME", help="The work pool, instead of `rebuild.pool`.")
@output_option("Write a prefect.yaml for `prefect deploy` here, and register nothing.")
def command(config: Path, store: Path, pool: str | None, output: Path | None) -> None:
    """Register the flows of the family that CONFIG describes, for a Prefect work pool.

    A worker of that pool runs them: when the schedule of the family's `rebuild` section comes due,
    when its flagship changes, and when another family that it waits for is promoted. CONFIG and the
    store must be where the worker runs, under these paths; the store may be at a URL. Each pool of
    `runs_on` gets a deployment more, by which its workers make the stages that it is to run.

    \b
    Example:
      prefect work-pool create main --type process
      descent deploy configs/quickstart.yaml --pool main
      descent deploy configs/quickstart.yaml --pool main -o prefect.yaml
    """
    from flows.cli.deploying import found, on_pools
    from flows.cli.show import show

    spec, made = found(config, store)
    pool = pool or spec.rebuild.pool
    places = on_pools(spec, made, pool, config)
    if output:
        from flows.prefect_yaml import text

        named = f" --pool {pool}" if pool else ""
        by = f"descent deploy {config}{named} -o {output}"
        output.write_text(text(places, by, output.absolute().parent))
        return show(f"{output} has {len(places)} deployments: prefect deploy --all")

    from flows.server import prefect_server

    with prefect_server() as url:
        from flows.deployments import check_pools, register

        asked = {f"runs_on.{stage}": place for stage, place in spec.runs_on.items()}
        check_pools(({"rebuild.pool": pool} if pool else {}) | asked)
        for place, one in places:
            register(one, place)
    show(
        *(f"{one.flow_name}/{one.name} is deployed to {place}" for place, one in places),
        f"The server: {url}. Start workers:",
        *(f"  prefect worker start --pool {place}" for place in sorted({*dict(places)})),
    )
