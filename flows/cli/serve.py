"""`descent serve`."""

from pathlib import Path

import click

from flows.cli.options import store_option


@click.command("serve")
@click.argument("configs", nargs=-1, required=True, type=click.Path(path_type=Path))
@store_option
def command(configs: tuple[Path, ...], store: Path) -> None:
    """Run the rebuilds of the families that CONFIGS describe, on this machine, until Ctrl-C.

    Registers each family's flows with the Prefect server that PREFECT_API_URL names, with the
    schedule, triggers and limits of its `rebuild` section, and runs what comes due. No work pool
    is needed.

    \b
    Example:
      prefect server start
      PREFECT_API_URL=http://127.0.0.1:4200/api descent serve configs/quickstart.yaml
    """
    from flows.cli.deploying import found
    from flows.server import prefect_server

    with prefect_server():
        from prefect import serve

        serve(*(one for config in configs for one in found(config, store)[1]))
