"""What a run is called in Prefect's interface: a sentence that says what is being done."""

from typing import Any

from family.plan import Step

#: Stage -> what is done. `{variant}` is what follows the colon in a step's name.
SENTENCES = {
    "about": "Sum up the family file",
    "notices": "Write the licence notices",
    "flagship": "Open the flagship",
    "prompts": "Write the prompts",
    "text": "Read the text",
    "rows": "Read the rows",
    "responses": "Let the teacher answer",
    "kept": "Keep the answers worth teaching with",
    "corpus": "Pack the corpus into blocks",
    "signal": "Capture what the teacher says",
    "vocabulary": "Trim the vocabulary",
    "candidates": "Try starts for {tier}",
    "start": "Give {tier} its start",
    "distill": "Distil {tier}",
    "post_train": "Post-train {tier}",
    "evaluate": "Score {tier}",
    "export": "Export {tier} as {variant}",
    "verify": "Verify the files of {tier}",
    "capabilities": "Ask tasks of {tier}",
    "references": "Read the reference answers",
    "rouge": "Score the answers of {tier}",
    "gate": "Hold {tier} to its gate",
}


def sentence(step: Step) -> str:
    """`Export edge as int4`."""
    said = SENTENCES[step.recipe.stage]
    variant = step.name.partition(":")[2]
    if step.tier and "{tier}" not in said:
        said += " for {tier}"
    if variant and "{variant}" not in said:
        said += ", {variant}"
    return said.format(tier=step.tier or "the flagship", variant=variant)


def of_run(parameters: dict[str, Any]) -> str:
    """The name of the run of a task that takes a `step`."""
    return sentence(parameters["step"])
