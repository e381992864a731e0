"""The text of SCALE.md: what the planner for scale says, and how far off it is."""

from collections.abc import Iterable, Iterator

from family.scale import costs
from family.scale.hardware import kinds
from family.scale.published import Published, Run, error, published, spread
from family.scale.report import ScaledPlan

INTRODUCTION = """# What a family costs at scale

`descent plan CONFIG --hardware h100x8` plans a whole build on devices that are not here. It reads
the family file and nothing else, so the flagship needs only a `shape`. Everything below is on
paper: no figure of this page was measured on the hardware that it is about.

## What is counted

| stage | counted as | where |
| --- | --- | --- |
| `responses` | weights and cache read once a step, at {bandwidth:.0%} of the bandwidth | devices |
| `signal` | 2 × teacher's parameters × tokens, at {forward:.0%} of the peak | devices |
| `distill` | 6 × student's parameters × tokens (8 × if recomputed), at {training:.1%} | devices |
| `evaluate` | 2 × (tier's + flagship's parameters) × tokens, at {forward:.0%} | devices |
| all others | the pace that `descent plan` has for two processor cores | host |

{training:.1%} is fitted to one run, the first of the table below. {forward:.0%} and {bandwidth:.0%}
are assumed. {reserve:.0%} of each device's memory is left free.

Memory of a training, for each device: {adamw} bytes a parameter with `adamw` ({adamw_8bit} with
`adamw_8bit`) for weights, gradients and optimizer state, and 2 for the bfloat16 copy; activations
of the blocks that pass through at once, or each layer's input where they are recomputed; {rows}
rows of logits at a time, and the head's gradient. FSDP cuts the first into shares and gathers two
layers at a time. No device was there to hold this to.

A signal takes 6 bytes × k for each token of an answer. How many of the corpus' tokens those are is
estimated from `responses.max_tokens`: the quickstart's signal was planned at {planned_mb:.1f} MB
and took {sealed_mb:.1f} MB ({signal_error:+.0%}), which
`python -m benchmarks.scale configs/quickstart.yaml` says of any store.

The schedule respects the steps' inputs: all devices work on one step, and one worker on the host
exports and verifies beside them.

Not counted: attention over long sequences, tokenising, reading and writing files and signals,
checkpoints, start-up, and whatever fails and is repeated. Moving data between devices is in the
shares above and nowhere else, so a number of devices divides time evenly here, as it does not
in truth.

## How far off it is
"""

AFTER_TRAINING = """
Error is what is foretold over what is published, less one. Over the {runs} runs that were not
fitted, the published hours were {least:g} to {most:g} times the foretold ones: too few hours are
foretold for students of 1B, too many for models of 70B. The Llama cards count all of training, so
their hours hold more than the operations that are counted here.

The Llama 3.2 card names {share} of logits beside 830k GPU-hours of training, {given:.0%}; foretold,
with the 8B as the one teacher, are {foretold:.0%}.
"""


def page(config: str, example: ScaledPlan) -> str:
    """Markdown; `example` is the plan of the family file `config`."""
    return "\n".join(_parts(config, example))


def _parts(config: str, example: ScaledPlan) -> Iterator[str]:
    known = published()
    yield INTRODUCTION.format(
        training=costs.TRAINING,
        forward=costs.FORWARD,
        bandwidth=costs.BANDWIDTH,
        reserve=costs.RESERVE,
        rows=costs.HEAD_ROWS,
        planned_mb=known.signal.planned_bytes / 1e6,
        sealed_mb=known.signal.sealed_bytes / 1e6,
        signal_error=error(known.signal.planned_bytes, known.signal.sealed_bytes),
        **costs.STATE_BYTES,
    )
    yield from _errors(known)
    yield "\n## Devices\n"
    yield "Dense bfloat16. The figures were read in copies of the makers' pages, not in these.\n"
    yield from _table(
        ("kind", "device", "bf16 TFLOP/s", "GB", "TB/s", "source", "read in"),
        (
            (
                f"`{one.kind}`",
                one.name,
                f"{one.bf16_flops / 1e12:,.1f}",
                f"{one.memory_bytes / 1e9:.0f}",
                f"{one.bandwidth / 1e12:.3f}",
                f"{one.source}, {one.date}",
                one.read_in,
            )
            for one in kinds()
        ),
    )
    yield from _example(config, example)


def _errors(known: Published) -> Iterator[str]:
    columns = ("run", "published GPU-hours", "foretold", "error", "source", "remark")
    yield "Training, on H100s:\n"
    yield from _table(
        columns,
        (_held(run, "fitted" if run.fitted else "") for run in known.training),
    )
    logits = known.forward[0]
    trained = [run for run in known.training if run.id.startswith("llama-3.2")]
    yield AFTER_TRAINING.format(
        **spread().model_dump(),
        share=f"{logits.gpu_hours / 1e3:.0f}k",
        given=logits.gpu_hours / sum(run.gpu_hours for run in trained),
        foretold=logits.foretold() / sum(run.foretold() for run in trained),
    )
    yield "Forward passes, on H100s:\n"
    yield from _table(
        columns,
        map(_held, known.forward),
    )
    yield "\nBounds, where only dates and devices are published:\n"
    yield from _table(
        ("run", "at most", "foretold", "within it", "source", "remark"),
        (_held(run, "yes" if run.foretold() <= run.gpu_hours else "no") for run in known.windows),
    )
    yield (
        "\nMinitron publishes operations and no hours. Operations of a training step of "
        f"{known.steps_tokens / 1e6:.2f}M tokens ({known.steps_source}):\n"
    )
    yield from _table(
        ("model", "published", "counted", "error"),
        (
            (
                step.model,
                f"{step.flop:.1e}",
                f"{known.counted(step):.2e}",
                f"{error(known.counted(step), step.flop):+.0%}",
            )
            for step in known.steps
        ),
    )
    yield (
        f"\nIts saving for the whole family is published as {known.steps_saving:g} ×; counted, "
        f"{known.saving():.2f} × ({error(known.saving(), known.steps_saving):+.0%})."
    )


def _held(run: Run, told: str = "") -> tuple[str, ...]:
    """A published run against what is foretold of it: `told`, or how far off that is."""
    return (
        run.what,
        _number(run.gpu_hours),
        _number(run.foretold()),
        told or f"{error(run.foretold(), run.gpu_hours):+.0%}",
        f"{run.source}, {run.date}",
        run.remark,
    )


def _example(config: str, plan: ScaledPlan) -> Iterator[str]:
    command = f"descent plan {config} --hardware {plan.hardware.written}"
    yield f"\n## An example\n\n`{command}`, its longer stages:\n"
    yield from _table(
        ("tier", "stage", "layout", "tokens", "GPU-hours", "hours", "GB a device", "GB on disk"),
        (
            (
                one.tier or "family",
                one.stage,
                one.layout,
                f"{one.tokens:,}",
                _number(one.gpu_hours),
                f"{one.hours:.1f}",
                f"{one.memory_bytes / 1e9:.1f}",
                f"{one.disk_bytes / 1e9:,.1f}",
            )
            for one in plan.stages
            if one.devices and one.hours > 1
        ),
    )
    loop = plan.teacher_in_loop
    yield (
        f"\nIn all {plan.gpu_hours:,.0f} GPU-hours and {plan.hours:.0f} hours, with "
        f"{plan.signal_bytes / 1e12:.2f} TB of signals. The teacher in the loop would take "
        f"{loop.loop_gpu_hours:,.0f} GPU-hours where the signal takes {loop.signal_gpu_hours:,.0f}."
    )
    yield from plan.remarks
    yield ""


def _table(columns: Iterable[str], rows: Iterable[Iterable[str]]) -> Iterator[str]:
    names = list(columns)
    yield f"| {' | '.join(names)} |"
    yield f"|{' --- |' * len(names)}"
    for row in rows:
        yield f"| {' | '.join(row)} |"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
