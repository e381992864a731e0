"""Family files: what is read, and how every fault in one is told."""

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from export.targets import faults as target_faults
from family.errors import SpecError
from family.load import load
from family.spec import (
    FilePrompts,
    FolderSource,
    GGUFSource,
    HubSource,
    LMEval,
    PruneStart,
    RandomStart,
)

WHOLE = """
family: animals
flagship:
  name: SmolLM2
  licence: Apache-2.0
  source: {kind: gguf, path: models/flagship.gguf}
  shape:
    {layers: 30, hidden: 576, intermediate: 1536, heads: 9, kv_heads: 3, head_dim: 64,
     vocabulary: 49152}
prompts:
  kind: grammar
  topics: [lion, owl, wolf, frog]
  requests: ["What does the {topic} eat?", "Where does the {topic} live?"]
  held_out: 0.25
tiers:
  mini:
    start: {kind: prune, shape: {layers: 16}}
  nano:
    start: {kind: prune, from: mini, shape: {layers: 8}}
  edge:
    teacher: mini
    start: {kind: prune, from: nano, shape: {layers: 3}}
"""


Write = Callable[..., Path]
Faults = Callable[..., list[str]]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes the whole family file with some text in place of other text."""

    def write(*replaced: tuple[str, str], text: str = WHOLE) -> Path:
        for old, new in replaced:
            assert old in text
            text = text.replace(old, new, 1)
        path = tmp_path / "family.yaml"
        path.write_text(text)
        return path

    return write


@pytest.fixture
def faults(write: Write) -> Faults:
    """The faults of the whole family file with some text in place of other text."""

    def faults(*replaced: tuple[str, str], text: str = WHOLE) -> list[str]:
        path = write(*replaced, text=text)
        with pytest.raises(SpecError, match=r"family\.yaml has \d+ fault") as caught:
            load(path, target_faults)
        assert caught.value.exit_code == 2
        for fault in caught.value.faults:
            assert "\n" not in fault
        return list(caught.value.faults)

    return faults


# ---- what is read --------------------------------------------------------------------------


def test_a_whole_file_is_read(write: Write) -> None:
    spec = load(write(), target_faults)
    assert list(spec.tiers) == ["mini", "nano", "edge"]
    assert spec.tiers["edge"].start.parent == "nano"


def test_the_quickstart_is_read() -> None:
    root = Path(__file__).parents[2]
    for path in (root / "configs").glob("*.yaml"):
        load(path, target_faults)


def test_paths_are_relative_to_the_file(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(
        ("kind: grammar", "kind: file"),
        ("topics: [lion, owl, wolf, frog]", "path: ../prompts.txt"),
        ('requests: ["What does the {topic} eat?", "Where does the {topic} live?"]', ""),
    )
    monkeypatch.chdir("/")
    spec = load(path)
    assert isinstance(spec.flagship.source, GGUFSource)
    assert spec.flagship.source.path == str(tmp_path / "models/flagship.gguf")
    assert isinstance(spec.prompts, FilePrompts)
    assert spec.prompts.path == str(tmp_path / "../prompts.txt")


def test_a_flagship_s_id_on_the_hub_is_stated_or_that_of_its_source(write: Write) -> None:
    assert "hub" not in load(write()).about.flagship
    stated = load(write(("licence: Apache-2.0", "licence: Apache-2.0\n  hub: acme/lion")))
    assert stated.about.flagship["hub"] == "acme/lion"
    source = HubSource(kind="hub", repo="acme/owl", revision="0" * 40)
    fetched = stated.flagship.model_copy(update={"hub": None, "source": source})
    assert stated.model_copy(update={"flagship": fetched}).about.flagship["hub"] == "acme/owl"


def test_a_licence_s_text_is_looked_for_beside_the_family_file(write: Write) -> None:
    path = write(("licence: Apache-2.0", "licence: Apache-2.0\n  licence_file: texts/A.txt"))
    assert load(path).flagship.licence_file == str(path.absolute().parent / "texts" / "A.txt")


def test_a_teacher_that_may_not_teach_needs_a_permission(write: Write) -> None:
    with pytest.raises(
        SpecError, match=r"flagship\.licence: the terms of `openai` forbid to teach"
    ):
        load(write(("licence: Apache-2.0", "licence: openai")))
    spec = load(write(("licence: Apache-2.0", "licence: openai\n  permission: letter of J. Doe")))
    assert spec.about.flagship["permission"] == "letter of J. Doe"


def test_another_licence_comes_with_its_terms(write: Write) -> None:
    spec = load(write(("licence: Apache-2.0", "licence: other\n  terms: Be kind.")))
    assert spec.about.flagship["terms"] == "Be kind."
    assert "terms" not in load(write()).about.flagship


def test_an_absolute_path_stays(write: Write) -> None:
    source = "{kind: gguf, path: models/flagship.gguf}"
    spec = load(write((source, "{kind: folder, path: /models/x}")))
    assert spec.flagship.source == FolderSource(kind="folder", path="/models/x")


def test_defaults_stand_under_every_tier(write: Write) -> None:
    spec = load(
        write(
            (
                "tiers:",
                "defaults:\n"
                "  distill: {tokens: 7, batch: 2}\n"
                "  start: {kind: prune, calibration: 3}\n"
                "  export: [int4]\n"
                "tiers:",
            ),
            ("layers: 16}}", "layers: 16}}\n    distill: {batch: 9}\n    export: [fp32, int8]"),
            ("{kind: prune, from: nano, shape: {layers: 3}}", "{kind: random, from: nano}"),
        )
    )
    mini, nano, edge = spec.tiers.values()
    assert (mini.distill.tokens, mini.distill.batch) == (7, 9)
    assert (nano.distill.tokens, nano.distill.batch) == (7, 2)
    assert [one.precision for one in mini.export] == ["fp32", "int8"]
    assert [one.precision for one in nano.export] == ["int4"]
    assert isinstance(mini.start, PruneStart)
    assert mini.start.calibration == 3
    assert mini.start.shape.layers == 16
    assert isinstance(edge.start, RandomStart)


# ---- all faults at once --------------------------------------------------------------------


def test_all_faults_are_told_at_once_in_the_order_of_the_file(faults: Faults) -> None:
    found = faults(
        ("name: SmolLM2", "name: 7"),
        ("{topic} live?", "lion live?"),
        ("layers: 16}", "hidden: 200}"),
        ("from: mini", "from: mni"),
        ("teacher: mini", "teacher: mini\n    colour: red"),
    )
    assert found == [
        "flagship.name: 7 stands where text is expected. Put it in quotes.",
        "prompts.requests[1]: `Where does the lion live?` has no `{topic}` in it, so it asks the "
        "same of every topic. Write `{topic}` where the topic goes.",
        "tiers.mini.start.shape.hidden: 200 is not a multiple of 32, which int4 blocks need. "
        "Use 192 or 224.",
        "tiers.nano.start.from: no tier is called `mni`; did you mean `mini`?",
        "tiers.edge.colour: unknown key; known: `description`, `teacher`, `start`, `distill`, "
        "`post_train`, `evaluate`, `export`, `verify`, `gate`",
    ]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        # names
        ("family: animals", "family: Big Animals", "family: `Big Animals` is not a name of at mos"),
        ("  mini:", "  Mini!:", "tiers.Mini!: `Mini!` is not a name of at most 40 lower-case"),
        ("  mini:", "  on:", "tiers.1: true stands where text is expected. Put it in quotes."),
        ("layers: 16", "layrs: 16", "tiers.mini.start.shape.layrs: unknown key; did you mean `lay"),
        ("from: mini", "parent: mini", "tiers.nano.start.parent: unknown key; known: `from`, `sh"),
        ("family: animals", "famly: animals", "famly: unknown key; did you mean `family`?"),
        # missing
        ("  name: SmolLM2\n", "", "flagship.name: missing. Add `name`: how the flagship is call"),
        (
            "kind: gguf, ",
            "",
            "flagship.source.kind: missing; known: `pypi`, `gguf`, `folder`, `hub",
        ),
        # kinds and choices
        ("kind: gguf", "kind: guf", "flagship.source.kind: `guf` is unknown; did you mean `gguf`?"),
        (
            "layers: 16}}",
            "layers: 16}}\n    distill: {schedule: cosin}",
            "tiers.mini.distill.schedule: `cosin` is not one of `linear`, `cosine` or `constant`. "
            "Did you mean `cosine`?",
        ),
        (
            "layers: 16}}",
            "layers: 16}}\n    export: [int5]",
            "tiers.mini.export[0].precision: `int5` is not one of `fp32`, `int8` or `int4`. Did",
        ),
        # types and bounds
        ("layers: 16", "layers: many", "tiers.mini.start.shape.layers: `many` stands where a whol"),
        ("layers: 16", "layers: 1.5", "tiers.mini.start.shape.layers: 1.5 is not a whole number."),
        (
            "layers: 16",
            "layers: 0",
            "tiers.mini.start.shape.layers: 0 is out of bounds; it must be",
        ),
        (
            "held_out: 0.25",
            "held_out: 1",
            "prompts.held_out: 1 is out of bounds; it must be below 1",
        ),
        (
            "shape: {layers: 16}",
            "shape: 16",
            "tiers.mini.start.shape: 16 stands where a mapping is",
        ),
        ("{kind: prune, shape: {layers: 16}}", "", "tiers.mini.start: nothing stands where a mapp"),
        ("licence: Apache-2.0", "licence: 2026-01-01", "flagship.licence: 2026-01-01 stands where"),
        # licences
        (
            "licence: Apache-2.0",
            "licence: apache 2",
            "flagship.licence: `apache 2` is not a licence whose terms are known here; did you "
            "mean `Apache-2.0`? If not, write `other`, and what it asks for into flagship.terms.",
        ),
        (
            "licence: Apache-2.0",
            "licence: WTFPL",
            "flagship.licence: `WTFPL` is not a licence whose terms are known here; known: `anth",
        ),
        (
            "licence: Apache-2.0",
            "licence: other",
            "flagship.terms: missing, and `licence: other` says nothing of what it asks for. Wri",
        ),
        (
            "licence: Apache-2.0",
            "licence: MIT\n  terms: Be kind.",
            "flagship.terms: only read with `licence: other`; the terms of MIT are known. Leave",
        ),
        # teachers and parents
        ("from: mini", "from: edge", "tiers.nano.start.from: `edge` comes after nano, and a tier "),
        ("from: mini", "from: nano", "tiers.nano.start.from: `nano` is this tier itself. Name `fl"),
        ("teacher: mini", "teacher: nan", "tiers.edge.teacher: no tier is called `nan`; did you m"),
        (
            "teacher: mini",
            "teacher: zebra",
            "tiers.edge.teacher: no tier is called `zebra`; known: ",
        ),
        (
            "  mini:",
            "  flagship:",
            "tiers.flagship: `flagship` is what the family descends from. R",
        ),
        # shapes
        (
            "layers: 16",
            "intermediate: 100",
            "tiers.mini.start.shape.intermediate: 100 is not a mul",
        ),
        ("layers: 16", "layers: 31", "tiers.mini.start.shape.layers: 31 is more than flagship has"),
        (
            "{kind: prune, shape: {layers: 16}}",
            "{kind: random, shape: {layers: 31}}",
            "tiers.mini.start.shape.layers: 31 is more than flagship has, and a tier is never lar",
        ),
        ("layers: 8", "layers: 17", "tiers.nano.start.shape.layers: 17 is more than mini has"),
        ("layers: 16", "heads: 8", "tiers.mini.start.shape.heads: 8 heads are not a multiple of 3"),
        (
            "layers: 16",
            "kv_heads: 2",
            "tiers.mini.start.shape.kv_heads: 9 heads are not a multiple",
        ),
        (
            "layers: 16",
            "kv_heads: 1",
            "tiers.mini.start.shape.kv_heads: 9 heads over 1 kv_heads make groups of 9, and "
            "flagship has groups of 3, which pruning cannot join. Use at most 3 heads, or more kv",
        ),
        ("head_dim: 64", "head_dim: 40", "flagship.shape.head_dim: 40 is not a multiple of 16"),
        (
            "heads: 9",
            "heads: 10",
            "flagship.shape.heads: 10 heads are not a multiple of 3 kv_heads",
        ),
        (
            "layers: 16",
            "layers: 16, context: 64",
            "tiers.mini.start.shape.context: 64 is shorter than corpus.block. Use at least 256.",
        ),
        # the corpus
        (
            "topics: [lion, owl, wolf, frog]",
            "topics: []",
            "prompts.topics: empty. Add `topics`: wh",
        ),
        ("held_out: 0.25", "held_out: 0.01", "prompts.held_out: 0.01 of 8 prompts, drawn with "),
        ("held_out: 0.25", "held_out: 0.99", "prompts.held_out: 0.99 of 8 prompts, drawn with "),
        # training
        (
            "layers: 16}}",
            "layers: 16}}\n    distill: {accumulate: 3, tokens: 0}",
            "tiers.mini.distill.accumulate: 3 does not divide distill.batch, which is 4. Use 2 or",
        ),
        (
            "layers: 16}}",
            "layers: 16}}\n    distill: {batch: 6, accumulate: 12}",
            "tiers.mini.distill.accumulate: 12 does not divide distill.batch, which is 6. Use 6.",
        ),
        # several processes
        (
            "layers: 16}}",
            "layers: 16}}\n    distill: {accumulate: 2, distributed: {processes: 3}}",
            "tiers.mini.distill.batch: 4 blocks cannot be shared out evenly: 3 processes take 2 "
            "parts each. Use 6, or other numbers of them.",
        ),
        (
            "layers: 16}}",
            "layers: 16}}\n    distill: {optimizer: adamw_8bit, distributed: {sharding: fsdp}}",
            "tiers.mini.distill: `optimizer: adamw_8bit` has no rule for weights that fsdp has cut",
        ),
        (
            "tiers:",
            "signal: {distributed: {nodes: 2}}\ntiers:",
            "signal.distributed: 2 nodes need the `address` of the one that builds: ",
        ),
        (
            "layers: 16}}",
            "layers: 16}}\n    distill: {distributed: {nodes: 2, address: trainer-0}}",
            "tiers.mini.distill.distributed.address: `trainer-0` ",
        ),
        (
            "layers: 16}}",
            "layers: 16}}\n    distill: {distributed: {processes: 0}}",
            "tiers.mini.distill.distributed.processes: 0 ",
        ),
        (
            "layers: 16}}",
            "layers: 16}}\n    distill: {quantize: {}}\n    export: [fp32, int8]",
            "tiers.mini.distill.quantize: mini exports no int4 file, which is all that the",
        ),
        (
            "layers: 16}}",
            "layers: 16}}\n    distill: {quantize: {block_size: 64}}",
            "tiers.mini.distill.quantize.block_size: 64 is not the block_size of mini's int4 fil",
        ),
        # gates
        (
            "layers: 16}}",
            "layers: 16}}\n    export: []\n    gate: {bounds: [{metric: kl, file: int4, max: 1}]}",
            "tiers.mini.gate.bounds[0].file: mini exports no int4 file. Add int4 to tiers.mini.exp",
        ),
        (
            "layers: 16}}",
            "layers: 16}}\n    gate: {bounds: [{metric: megabytes, max: 1}]}",
            "tiers.mini.gate.bounds[0].file: missing, and megabytes is measured on files alone. A",
        ),
        (
            "layers: 16}}",
            "layers: 16}}\n    gate: {bounds: [{metric: retention, file: int4, min: 1}]}",
            "tiers.mini.gate.bounds[0].file: retention is measured on the tier itself. Leave out",
        ),
        (
            "layers: 16}}",
            "layers: 16}}\n    gate: {bounds: [{metric: kl, min: 2, max: 1}]}",
            "tiers.mini.gate.bounds[0]: no figure is at least 2 and at most 1.",
        ),
        (
            "layers: 16}}",
            "layers: 16}}\n    gate: {bounds: [{metric: accuracy, min: 1}]}",
            "tiers.mini.gate.bounds[0].metric: accuracy is measured with `task: "
            "sequence-classification` alone. Drop the bound, or use one of bits_per_byte, ",
        ),
        (
            "layers: 16}}",
            "layers: 16}}\n    gate: {bounds: [{metric: kl}]}",
            "tiers.mini.gate.bounds[0]: a bound needs `min` or `max`.",
        ),
        (
            "layers: 16}}",
            "layers: 16}}\n    export: [int4, {precision: int4, block_size: 64}]",
            "tiers.mini.export[1]: int4 stands twice. Leave one of them.",
        ),
        (
            "tiers:",
            "signal: {teacher_precision: nf4}\ntiers:",
            "signal.teacher_precision: `nf4` changes what a teacher of",
        ),
        # sources that are not safe
        ("flagship.gguf}", "model.bin}", "flagship.source.path: `.bin` files hold pickled code"),
        (
            "{kind: gguf, path: models/flagship.gguf}",
            "{kind: hub, repo: a/b, revision: main}",
            "flagship.source.revision: `main` is not the id of a commit: 40 hex digits; a branch",
        ),
        (
            "{kind: gguf, path: models/flagship.gguf}",
            f"{{kind: pypi, requirement: --pre x, member: a.gguf, sha256: {'0' * 64}}}",
            "flagship.source.requirement: `--pre x` is not one pinned package. Write `name==vers",
        ),
        (
            "{kind: gguf, path: models/flagship.gguf}",
            f"{{kind: pypi, requirement: x==1, member: ../a.gguf, sha256: {'0' * 64}}}",
            "flagship.source.member: `../a.gguf` leaves the wheel. Name a file inside it.",
        ),
    ],
)
def test_a_fault_says_where_what_and_the_fix(
    faults: Faults, old: str, new: str, expected: str
) -> None:
    found = faults((old, new))
    assert [fault for fault in found if fault.startswith(expected)], found


@pytest.mark.parametrize(
    ("term", "named"),
    [
        ("{kind: reverse_kl}", "reverse_kl needs the teacher's odds themselves"),
        ("{kind: forward_kl, temperature: 2}", "forward_kl at temperature 2 needs"),
    ],
)
def test_a_term_that_drawn_tokens_cannot_teach_is_refused(
    faults: Faults, term: str, named: str
) -> None:
    drawn = "signal: {codec: {kind: sampled}}\ntiers:"
    taught = f"layers: 16}}}}\n    distill: {{loss: [{{kind: cross_entropy}}, {term}]}}"
    found = faults(("tiers:", drawn), ("layers: 16}}", taught))
    (fault,) = [fault for fault in found if fault.startswith("tiers.mini.distill.loss[1]")]
    assert named in fault
    assert not [fault for fault in found if fault.startswith("tiers.mini.distill.loss[0]")]


def test_hidden_states_are_learned_from_a_teacher_that_runs_along(faults: Faults) -> None:
    matched = "layers: 16}}}}\n    distill: {{{}loss: [{{kind: hidden_states, layers: [17]}}]}}"
    stored, too_deep = faults(("layers: 16}}", matched.format("")))
    assert stored.startswith("tiers.mini.distill.loss[0]: hidden_states needs the teacher itself")
    assert "Write `signal: live` in tiers.mini.distill" in stored
    assert too_deep == (
        "tiers.mini.distill.loss[0].layers: mini has no layer 17. Name some of 1 to 16."
    )
    assert faults(("layers: 16}}", matched.format("signal: live, "))) == [too_deep]


def test_a_student_learns_from_its_own_writing_by_what_its_teacher_says(faults: Faults) -> None:
    asked = "distill: {on_policy: {}, loss: [{kind: cross_entropy}]}"
    (fault,) = faults(("layers: 16}}", f"layers: 16}}}}\n    {asked}"))
    assert "`on_policy` needs a term with the teacher in it, such as reverse_kl" in fault
    sharded = "distill: {on_policy: {}, distributed: {processes: 2, sharding: fsdp}}"
    found = faults(("layers: 16}}", f"layers: 16}}}}\n    {sharded}"))
    assert any("a student that is whole in each process" in fault for fault in found)


@pytest.mark.parametrize("export", ["5", "int4", "[{precision: int4, block_size: 48}]"])
def test_a_faulty_export_is_one_fault_though_training_is_for_int4(
    faults: Faults, export: str
) -> None:
    quantized = f"layers: 16}}}}\n    distill: {{quantize: {{}}}}\n    export: {export}"
    (fault,) = faults(("layers: 16}}", quantized))
    assert fault.startswith("tiers.mini.export")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "it holds nothing; a family file is a mapping that begins `family:`"),
        ("- a\n- b", "it holds a list; a family file is a mapping that begins `family:`"),
        ("family: [a", "line 2, column 1: not YAML that is read here: while parsing a flow"),
        ("a: 1\nb:\tc: 2", "line 2, column"),
        ("a: !!python/object/apply:os.system [ls]", "line 1, column 4: not YAML that is read here"),
        ("a: &a [*a]", "a[0]: it contains itself. Write the value out."),
        ("defaults: 3", "defaults: 3 stands where a mapping is expected."),
    ],
)
def test_what_is_no_mapping_of_yaml_is_refused(faults: Faults, text: str, expected: str) -> None:
    (found,) = faults(text=text)
    assert found.startswith(expected)


def test_a_key_that_stands_twice_is_refused(faults: Faults) -> None:
    assert faults(("layers: 16", "layers: 16, layers: 8"), ("family:", "family: a\nfamily:")) == [
        "family: stands twice, on lines 2 and 3. Keep one.",
        "tiers.mini.start.shape.layers: stands twice, on lines 18 and 18. Keep one.",
    ]


def test_a_file_that_is_not_there_is_a_fault(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="there is no such file") as caught:
        load(tmp_path / "none.yaml")
    assert caught.value.exit_code == 2


def test_a_folder_is_a_fault(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="it is a folder"):
        load(tmp_path)


def test_text_in_another_encoding_is_a_fault(tmp_path: Path) -> None:
    (tmp_path / "latin.yaml").write_bytes("family: käse".encode("latin-1"))
    with pytest.raises(SpecError, match="it is not UTF-8 text"):
        load(tmp_path / "latin.yaml")


# ---- tasks ---------------------------------------------------------------------------------

NANO = "start: {kind: prune, from: mini, shape: {layers: 8}}"


def test_a_bare_list_of_tasks_is_enough_and_their_folder_is_beside_the_file(write: Write) -> None:
    asked = "defaults: {evaluate: {lm_eval: [arc_easy], rouge: false}}\ntiers:"
    tier = load(write(("tiers:", asked)), target_faults).tiers["nano"]
    assert tier.evaluate.lm_eval == LMEval(tasks=("arc_easy",))
    assert tier.evaluate.rouge is None
    own = "defaults: {evaluate: {lm_eval: {tasks: [zoo], include: tasks}}}\ntiers:"
    path = write(("tiers:", own))
    lm_eval = load(path, target_faults).tiers["nano"].evaluate.lm_eval
    assert lm_eval
    assert lm_eval.include == str(path.parent / "tasks")


@pytest.mark.parametrize(
    ("tier", "expected"),
    [
        (
            "evaluate: {rouge: true}",
            "tiers.nano.evaluate.rouge: there is nothing to hold answers against. ROUGE asks for "
            "`prompts` of `kind: file` whose rows have a `reference`.",
        ),
        (
            "evaluate: {lm_eval: {tasks: [zoo], files: [int8]}}\n    export: [int4]",
            "tiers.nano.evaluate.lm_eval.files[0]: nano exports no int8 file. Add int8 to "
            "tiers.nano.export, or leave it out here.",
        ),
        (
            "evaluate: {lm_eval: []}",
            "tiers.nano.evaluate.lm_eval.tasks: empty. Add `tasks`: tasks and groups, as the "
            "harness or the files of `include` call them. Data of the harness' own tasks come from "
            "the Hugging Face Hub.",
        ),
        (
            "gate: {bounds: [{metric: 'zoo:acc', min: 0.5}]}",
            "tiers.nano.gate.bounds[0].metric: nano is asked no tasks. Add `evaluate: {lm_eval: "
            "...}`.",
        ),
        (
            "evaluate: {lm_eval: {tasks: [zoo], files: []}}\n"
            "    gate: {bounds: [{metric: 'zoo:acc', file: int4, min: 0.5}]}",
            "tiers.nano.gate.bounds[0].file: evaluate.lm_eval.files leaves int4 out. Add it there.",
        ),
    ],
)
def test_what_is_wrong_with_tasks_is_told(faults: Faults, tier: str, expected: str) -> None:
    assert faults((NANO, f"{NANO}\n    {tier}")) == [expected]


def test_a_tier_that_reads_less_than_tasks_ask_is_told(faults: Faults) -> None:
    short = NANO.replace("layers: 8", "layers: 8, context: 512")
    assert faults((NANO, f"{short}\n    evaluate: {{lm_eval: [zoo]}}")) == [
        "tiers.nano.evaluate.lm_eval.context: 1024 is more than nano reads. Use at most 512 for "
        "every tier, or raise its shape.context."
    ]


# ---- defaults ------------------------------------------------------------------------------


def test_a_fault_in_the_defaults_is_told_once_and_there(faults: Faults) -> None:
    defaults = "defaults:\n  distill: {tokens: 0, tokns: 1}\n  teacher: mni\ntiers:"
    assert faults(("tiers:", defaults)) == [
        "defaults.distill.tokens: 0 is out of bounds; it must be at least 1.",
        "defaults.distill.tokns: unknown key; did you mean `tokens`?",
        "defaults.teacher: no tier is called `mni`; did you mean `mini`?",
    ]


# ---- shapes --------------------------------------------------------------------------------


def test_a_tier_that_exports_nothing_may_have_any_width(write: Write, faults: Faults) -> None:
    narrow = ("layers: 16}}", "layers: 16, hidden: 200}}\n    export: []")
    below = ("layers: 8}}", "layers: 8}}\n    export: []")
    last = ("layers: 3}}", "layers: 3}}\n    export: []")
    assert load(write(narrow, below, last), target_faults).tiers["mini"].start.shape.hidden == 200
    assert faults(narrow, below) == [
        "tiers.mini.start.shape.hidden: 200 is not a multiple of 32, which int4 blocks need. "
        "Use 192 or 224."
    ]


def test_widths_are_checked_before_the_flagship_s_shape_is_known(faults: Faults) -> None:
    shape = WHOLE[WHOLE.index("  shape:\n") : WHOLE.index("prompts:")]
    found = faults((shape, ""), ("layers: 16", "hidden: 200, kv_heads: 2, layers: 99"))
    assert found == [
        "tiers.mini.start.shape.hidden: 200 is not a multiple of 32, which int4 blocks need. "
        "Use 192 or 224."
    ]


def test_fewer_heads_in_each_group_can_be_pruned(write: Write) -> None:
    load(write(("layers: 16", "heads: 6"), ("layers: 8", "heads: 2, kv_heads: 1")), target_faults)


# ---- quick ---------------------------------------------------------------------------------


def test_a_file_with_forty_tiers_is_read_in_a_moment(write: Write) -> None:
    raw = yaml.safe_load(WHOLE)
    raw["tiers"] = {f"tier-{n}": raw["tiers"]["mini"] for n in range(40)}
    path = write(text=yaml.safe_dump(raw))
    begun = time.process_time()
    load(path, target_faults)
    assert time.process_time() - begun < 0.5


def test_reading_a_file_loads_no_heavy_library(write: Write) -> None:
    code = (
        "import sys; from pathlib import Path; from family.load import load;"
        f"load(Path({str(write())!r}));"
        "assert not {'torch', 'transformers', 'onnx', 'prefect'} & sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_budget_picks_the_shape_that_tiers_below_are_checked_against(
    write: Write, faults: Faults
) -> None:
    budget = ("shape: {layers: 16}", "budget: {params: 67M}")
    start = load(write(budget), target_faults).tiers["mini"].start
    assert start.budget is not None
    assert start.budget.parameters == 67_000_000
    (found,) = faults(budget, ("layers: 8}", "layers: 29}"))
    assert found == (
        "tiers.nano.start.shape.layers: 29 is more than mini has, and a tier is never larger. "
        "Use at most 27."
    )


def test_a_budget_with_a_shape_or_out_of_reach_is_told(faults: Faults) -> None:
    (both,) = faults(("shape: {layers: 16}", "budget: {params: 67M}, shape: {layers: 16}"))
    assert both == (
        "tiers.mini.start.shape.layers: a budget picks the shape, all but its context. Leave this "
        "out, or the budget."
    )
    (beyond,) = faults(("shape: {layers: 16}", "budget: {params: 2B}"))
    assert beyond.startswith("tiers.mini.start.budget: no shape that every export runs has between")
    assert "The closest has 134.5M: layers 30" in beyond
