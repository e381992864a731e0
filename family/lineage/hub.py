"""How the Hugging Face Hub calls what the records know: the metadata of a model card.

Of what the Hub checks when a card is pushed, huggingface_hub does this much offline, and so do
we: the metadata is a mapping, `model-index` can be read into typed results and back, and ids of
models are well-formed. The rest (known licences, known tasks) is behind the Hub's own service:
`ModelCard.validate`.
"""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from pydantic import JsonValue

from family.errors import DescentError
from family.licences.terms import OTHER, identifiers, licence
from family.lineage.dossier import Described, Dossier
from family.lineage.said import NOT_STATED
from family.lineage.views import Figure, is_task
from family.spec import RETENTION

if TYPE_CHECKING:
    from huggingface_hub import EvalResult, ModelCardData

#: The Hub's names of tasks.
TASKS = {True: "text-classification", False: "text-generation"}

#: Licences that the Hub has a name for (https://huggingface.co/docs/hub/repositories-licenses).
#: Two are another licence's text as one maker uses it.
LICENCES = {
    "Apache-2.0": "apache-2.0",
    "CC-BY-4.0": "cc-by-4.0",
    "CC-BY-NC-4.0": "cc-by-nc-4.0",
    "CC-BY-SA-4.0": "cc-by-sa-4.0",
    "MIT": "mit",
    "deepseek-r1": "mit",
    "gemma": "gemma",
    "gemma4": "apache-2.0",
    "llama2": "llama2",
    "llama3": "llama3",
    "llama3.1": "llama3.1",
    "llama3.2": "llama3.2",
    "llama3.3": "llama3.3",
    "openrail-m": "openrail",
}
#: Figures that go into `model-index`: how good it is, not how fast, which depends on a machine.
RESULTS = {
    "accuracy": "Accuracy on held-out rows",
    "bits_per_byte": "Bits per byte of held-out text",
    "bits_per_byte_rise": "Rise in bits per byte over the checkpoint",
    "agreement": "Agreement on the likeliest next token",
    "retention": "Bits per byte of the flagship over those of the model",
    "kl": "KL divergence, nats per token",
}
#: Of classifiers.
OF_ROWS = {
    "agreement": "Agreement on the likeliest label",
    "retention": "Accuracy of the model over that of the flagship",
    "kl": "KL divergence, nats per row",
}


class Terms(NamedTuple):
    """`license`, and for one that the Hub has no name for `license_name` and `license_link`."""

    license: str | None = None
    name: str | None = None
    link: str | None = None


def metadata(dossier: Dossier, owner: str | None, base: str | None) -> "ModelCardData":
    """The card's metadata. `owner` is who publishes the family's models on the Hub; `base` is the
    id there of the model that this one is based on, where the records do not tell it."""
    from huggingface_hub import ModelCardData

    terms = terms_of(dossier)
    results = list(_results(dossier))
    return ModelCardData(
        base_model=base_model(dossier, owner, base),
        base_model_relation=relation(dossier),
        license=terms.license,
        license_name=terms.name,
        license_link=terms.link,
        library_name=_library(dossier),
        pipeline_tag=TASKS[dossier.model.classifies],
        tags=list(_tags(dossier)),
        model_name=dossier.model.slug if results else None,
        eval_results=results or None,
    )


def _library(dossier: Dossier) -> str:
    if not dossier.model.exported:
        return "transformers"
    return "onnxruntime" if dossier.model.classifies else "onnxruntime-genai"


def relation(dossier: Dossier) -> str | None:
    """How a model comes from its base, in the Hub's four words: adapter, merge, quantized,
    finetune (https://huggingface.co/docs/hub/model-cards#specifying-a-base-model).

    A tier that was pruned from its base and then distilled is a `finetune`: the only word for
    weights that were taken over and trained on; its teacher is no base in this sense, and stands
    in the text. Exported files are `quantized`: the same model in another form of its weights.
    That holds of int8 and int4; of fp32 files it is the nearest word, as no training came between.
    A model that took over no weights has no base, whoever taught it.
    """
    if dossier.base is None:
        return None
    return "quantized" if dossier.model.exported else "finetune"


def base_model(dossier: Dossier, owner: str | None, base: str | None) -> str | None:
    """The base's id on the Hub; DescentError if what was named is no id.

    A flagship has the id that is recorded of it, and its title if there is none."""
    if dossier.base is None:
        return None
    return _checked(base) if base else hub_id(dossier.base, dossier, owner)


def hub_id(model: Described, dossier: Dossier, owner: str | None) -> str:
    """The id of one of the family's models on the Hub."""
    if model == dossier.root:
        title = dossier.title(model.model, model.name)
        return dossier.about.get("hub") or re.sub(r"[^\w.-]+", "-", title)
    return _checked(f"{owner}/{model.slug}" if owner else model.slug)


def _checked(name: str) -> str:
    from huggingface_hub.errors import HFValidationError
    from huggingface_hub.utils import validate_repo_id  # type: ignore[attr-defined]

    try:
        validate_repo_id(name)
    except HFValidationError as error:
        raise DescentError(
            f"{name} is no id of a model on the Hub: {error} Write it as owner/name."
        ) from None
    return name


def terms_of(dossier: Dossier) -> Terms:
    """The licence that reaches the model, as the Hub writes it; none if none reaches it.

    Several are `other`, and their texts belong in the repository's LICENSE."""
    binding = [one for one in dossier.binding if one != NOT_STATED]
    named = {LICENCES.get(one, one) for one in binding}
    if not named:
        return Terms("unknown" if dossier.binding else None)
    if len(named) > 1:
        return Terms("other", "-and-".join(sorted(map(_slug, named))), "LICENSE")
    stated = binding[0]
    if stated in LICENCES:
        return Terms(LICENCES[stated])
    if stated in identifiers() and stated != OTHER:
        return Terms("other", _slug(stated), licence(stated).source)
    of = next(one for one in dossier.licences.licensed if one.licence == stated)
    link = re.search(r"https?://[^\s,;)]+", of.about)
    name = _slug(f"{dossier.title(of.model, of.name)} licence")
    return Terms("other", name, link[0].rstrip(".") if link else "LICENSE")


def _slug(words: str) -> str:
    return re.sub(r"[^a-z0-9.]+", "-", words.lower()).strip("-")


def _tags(dossier: Dossier) -> Iterator[str]:
    yield "descent"
    yield from dict.fromkeys(
        word
        for kind, word in (("distilled_from", "distillation"), ("pruned_from", "pruning"))
        if any(edge.kind == kind for edge in dossier.edges)
    )
    if dossier.model.exported:
        yield from ("onnx", dossier.model.precision)


def _results(dossier: Dossier) -> Iterator["EvalResult"]:
    from huggingface_hub import EvalResult

    model = dossier.model
    held_out = next((one for one in dossier.data if one.kind == "blocks"), None)
    for name, title in RESULTS.items():
        if figure := model.figure(name):
            yield EvalResult(
                task_type=TASKS[dossier.model.classifies],
                dataset_type=f"{model.family}-held-out",
                dataset_name=f"Held-out text of {model.family}",
                dataset_split="test",
                dataset_args={"sha256": held_out.digest} if held_out else None,
                metric_type=name,
                metric_name=OF_ROWS.get(name, title) if figure.unit == "rows" else title,
                metric_value=figure.value,
                metric_args=_measured(figure),
            )
    for figure in filter(is_task, model.metrics):
        if not figure.name.endswith(RETENTION):
            task, _, metric = figure.name.partition(":")
            yield EvalResult(
                task_type=TASKS[False],
                dataset_type=task,
                dataset_name=task,
                metric_type=metric,
                metric_name=metric,
                metric_value=figure.value,
                metric_args=_measured(figure),
            )


def _measured(figure: Figure) -> dict[str, JsonValue]:
    """How a figure was come by."""
    return {
        "n": figure.n,
        "unit": figure.unit,
        "interval_95": list(figure.interval) if figure.interval else None,
        "protocol": figure.protocol,
    }


def validate(markdown: str) -> None:
    """Have the Hub check a card, over the network. DescentError says what it found, or that the
    Hub cannot be reached."""
    from huggingface_hub import ModelCard
    from huggingface_hub.utils import httpx  # type: ignore[attr-defined]

    try:
        ModelCard(markdown).validate()
    except ValueError as error:
        raise DescentError(f"The Hub refuses this card: {error}") from error
    except (httpx.HTTPError, OSError) as error:
        raise DescentError(
            f"The Hub cannot be asked to check the card ({error}). --validate needs the network: "
            f"leave it out to write the card without the Hub's word."
        ) from error
