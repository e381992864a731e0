"""What a model can do, by tasks that the field knows or by references of the user's own."""

from pydantic import Field, model_validator

from family.spec.names import Precision
from family.stage import NOT_IN_KEY, Settings

#: How the name of a figure ends that is a tier's over the flagship's: `arc_easy:acc:retention`.
RETENTION = ":retention"


class LMEval(Settings):
    """Tasks of EleutherAI's lm-evaluation-harness, put to the flagship, to a tier, and to each of
    its exported files. In YAML a bare list of tasks is enough. `pip install
    'descent-family[lm-eval]'` brings the harness, whose version stands in the protocol."""

    tasks: tuple[str, ...] = Field(
        min_length=1,
        description="Tasks and groups, as the harness or the files of `include` call them. Data "
        "of the harness' own tasks come from the Hugging Face Hub.",
    )
    few_shot: int | None = Field(
        None,
        ge=0,
        description="Solved examples before each question; left out, as many as a task says.",
    )
    limit: int | None = Field(
        None, ge=1, description="The first so many samples of each task; left out, all of them."
    )
    chat: bool = Field(False, description="Put every request into the model's chat template.")
    context: int = Field(
        1024,
        ge=32,
        description="Tokens that are read at once. A longer request loses its beginning, and a "
        "longer text is read in windows; the flagship and every tier must be able to read as many.",
    )
    include: str | None = Field(
        None,
        description="A folder of task files of your own, relative to the family file. Paths in "
        "them are relative to the folder; if all tasks are there, nothing is fetched.",
        min_length=1,
        json_schema_extra=NOT_IN_KEY,
    )
    files: tuple[Precision, ...] | None = Field(
        None,
        description="Which exported files are scored too; left out, every one, `[]` none.",
        json_schema_extra=NOT_IN_KEY,
    )
    batch: int = Field(4, ge=1, description="Requests per pass.", json_schema_extra=NOT_IN_KEY)

    @model_validator(mode="before")
    @classmethod
    def _bare_tasks(cls, value: object) -> object:
        return {"tasks": value} if isinstance(value, (list, tuple)) else value

    def scored(self, exported: tuple[Precision, ...]) -> tuple[Precision, ...]:
        """Which of the exported files are scored."""
        return tuple(one for one in exported if self.files is None or one in self.files)


class Rouge(Settings):
    """Answers against the `reference` of held-out prompts, by ROUGE-1, ROUGE-2 and ROUGE-L. In YAML
    `true` is enough. `pip install 'descent-family[lm-eval]'` brings the measure."""

    max_tokens: int = Field(128, ge=1, description="Longest answer, in tokens.")
    batch: int = Field(
        8, ge=1, description="Prompts answered side by side.", json_schema_extra=NOT_IN_KEY
    )
