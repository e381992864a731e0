"""Bytes of the signals in a store, planned and as sealed.

python -m benchmarks.scale configs/quickstart.yaml [--store .descent]
"""

from pathlib import Path

import click

from export.targets import faults
from family.estimate import Sizes
from family.leaves import leaves
from family.load import load
from family.plan import steps
from family.spec import Signal
from family.store import Store
from flows.cli.options import config_argument, store_option
from flows.stages import STAGES


@click.command()
@config_argument
@store_option
def main(config: Path, store: Path) -> None:
    """Print, for each sealed signal of CONFIG, what was planned and what is there.

    The corpus' tokens are those that were counted; all else is as it would be planned."""
    spec, kept = load(config, faults), Store.existing(store)
    found = steps(spec, leaves(spec, kept.root / "digests.json"), STAGES)
    head = kept.head(spec.family)
    sealed = {step.id: kept.manifest(head.get(step.id, step.recipe.key)) for step in found}
    sizes = Sizes(spec, {"/corpus": sealed["/corpus"], "/prompts": sealed["/prompts"]})
    for step in found:
        manifest = sealed[step.id]
        if manifest and isinstance(step.recipe.settings, Signal):
            tokens = sizes.tokens(step.recipe.settings) or 0
            models = [model for model in sizes.models(step) if model]
            planned = sizes.disk(step, models, tokens)
            there = sum(file.bytes for file in manifest.files.values())
            click.echo(
                f"{step.title}: {tokens:,} tokens, planned {planned:,.0f} bytes, "
                f"sealed {there:,}: {planned / there - 1:+.1%}"
            )


if __name__ == "__main__":
    main()
