"""The parts of CycloneDX 1.6 that cyclonedx-python-lib 11 has no classes for: a machine-learning
model's card, and what a data component holds. Names and nesting are those of the schema,
`bom-1.6.schema.json`, under `modelCard` and `componentData`.
"""

from collections.abc import Iterator
from typing import Literal

from pydantic import BaseModel, ConfigDict, JsonValue
from pydantic.alias_generators import to_camel

from family.lineage.dossier import Described, Dossier
from family.lineage.hub import TASKS
from family.lineage.views import Dataset, Figure

LIMIT = (
    "Measured on held-out text of the kind that it was taught with, and on nothing "
    "else: how it does at any other task is not known."
)


class Part(BaseModel):
    """A piece of the document."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", alias_generator=to_camel, populate_by_name=True
    )

    def document(self) -> JsonValue:
        """As it stands in the document; what is not known is left out."""
        found: JsonValue = self.model_dump(by_alias=True, exclude_none=True, mode="json")
        return found


class Interval(Part):
    """Both ends of a 95 % interval; the schema wants text."""

    lower_bound: str
    upper_bound: str


class PerformanceMetric(Part):
    """One figure."""

    type: str
    value: str
    slice: str
    confidence_interval: Interval | None = None


class QuantitativeAnalysis(Part):
    """All figures."""

    performance_metrics: tuple[PerformanceMetric, ...]


class DataReference(Part):
    """A data component, by its bom-ref."""

    ref: str


class Format(Part):
    """What goes in or comes out."""

    format: str


class ModelParameters(Part):
    """What kind of model it is, and what it was taught with."""

    task: str
    architecture_family: str = "transformer"
    model_architecture: str
    datasets: tuple[DataReference, ...]
    inputs: tuple[Format, ...] = (Format(format="text"),)
    outputs: tuple[Format, ...] = (Format(format="text"),)


class Considerations(Part):
    """What it is for, and what is not known of it."""

    use_cases: tuple[str, ...] | None = None
    technical_limitations: tuple[str, ...] | None = None


class ModelCardPart(Part):
    """`modelCard`."""

    model_parameters: ModelParameters
    quantitative_analysis: QuantitativeAnalysis
    considerations: Considerations | None = None


class NamedValue(Part):
    """A property."""

    name: str
    value: str


class Contents(Part):
    """What there is to say of a data set in names and values."""

    properties: tuple[NamedValue, ...]


class DataPart(Part):
    """One element of `data`."""

    type: Literal["dataset"] = "dataset"
    name: str
    description: str
    contents: Contents


# ---- filled in from the records -------------------------------------------------------------


def parts(dossier: Dossier) -> Iterator[tuple[str, dict[str, JsonValue]]]:
    """What the document's components hold besides, by bom-ref."""
    for model in (dossier.model, *dossier.elders):
        yield f"model:{model.model}", {"modelCard": _card(model, dossier).document()}
    for data in dossier.data:
        yield f"data:{data.id}", {"data": [_held(data).document()]}


def _card(model: Described, dossier: Dossier) -> ModelCardPart:
    own = model == dossier.model
    description = dossier.about.get("description")
    return ModelCardPart(
        model_parameters=ModelParameters(
            task=TASKS[model.classifies],
            model_architecture=model.architecture,
            datasets=tuple(DataReference(ref=f"data:{one.id}") for one in dossier.data if own),
        ),
        quantitative_analysis=QuantitativeAnalysis(
            performance_metrics=tuple(_metric(figure) for figure in model.metrics)
        ),
        considerations=Considerations(
            use_cases=(description,) if description else None,
            technical_limitations=(LIMIT,) if model.metrics else None,
        )
        if own
        else None,
    )


def _metric(figure: Figure) -> PerformanceMetric:
    interval = None
    if figure.interval:
        low, high = figure.interval
        interval = Interval(lower_bound=str(low), upper_bound=str(high))
    return PerformanceMetric(
        type=figure.name,
        value=str(figure.value),
        slice=f"{figure.n} {figure.unit or 'samples'}, protocol {figure.protocol}",
        confidence_interval=interval,
    )


def _held(data: Dataset) -> DataPart:
    counts = {"train": data.train, "held-out": data.held_out, "tokens": data.tokens}
    return DataPart(
        name=data.name,
        description=f"{data.kind}: {data.train:,} to train on, {data.held_out:,} held out",
        contents=Contents(
            properties=tuple(
                NamedValue(name=f"descent:{name}", value=str(count))
                for name, count in counts.items()
                if count is not None
            )
        ),
    )
