"""Tampering: each change to a store is found, and the first that differs is named."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, insert, update

from family.errors import NotFoundError
from family.ledger import RELEASE, release_folder
from family.lineage.database import writing
from family.lineage.queries import Lineage
from family.lineage.record import reindex
from family.lineage.tables import edges, metrics
from family.lineage.tables import released as steps
from family.progress import Progress
from family.release.freeze import release
from family.release.signature import SIGNATURE, Signer, new_key
from family.release.statement import STATEMENT
from family.release.verify import verify_model, verify_release
from family.store import MANIFEST, OUTCOME, Store, sha256

Tamper = Callable[[Store], object]
HEX = "[0-9a-f]{64}"
INDEX = "is otherwise in the index: "


def key(store: Store, place: str) -> str:
    return store.head("toy")[place]


def inside(store: Store, place: str, name: str) -> Path:
    return store.folder(key(store, place)) / name


def published(store: Store) -> Path:
    return release_folder(store, "toy", "1.0.0")


def flip(path: Path) -> None:
    """Alter one byte, and nothing else."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def edit(path: Path, change: Callable[[Any], object]) -> None:
    """Alter a JSON file."""
    said = json.loads(path.read_bytes())
    change(said)
    path.write_text(json.dumps(said, indent=2, sort_keys=True))


def in_manifest(place: str, change: Callable[[Any], object]) -> Tamper:
    return lambda store: edit(inside(store, place, MANIFEST), change)


def in_index(statement: Callable[[Store], Any]) -> Tamper:
    def tamper(store: Store) -> None:
        with writing(store) as connection:
            connection.execute(statement(store))

    return tamper


# ---- models --------------------------------------------------------------------------------


def test_a_model_is_checked_with_all_that_it_was_made_from_from_the_leaves_down(
    released: Store,
) -> None:
    found = verify_model(released, "edge/int4")
    assert found.difference is None
    assert found.signature is None
    names = [one.name for one in found.checked]
    assert names == [
        "toy/flagship",
        "toy/corpus",
        "toy/signal",
        "toy/mini/start",
        "toy/mini",
        "toy/nano/start",
        "toy/nano",
        "toy/edge/start",
        "toy/edge",
        "toy/edge/int4",
    ]
    assert {one.name: one.digest for one in found.checked[0].brought} == {
        "flagship weights": "f" * 64
    }
    assert [len(one.brought) for one in found.checked[1:]] == [0] * 9
    assert found.checked[0].files == 3  # weights, tokenizer and outcome
    assert found.checked[0].bytes > 538_000


def swapped_edge(store: Store) -> Any:
    here = (edges.c.child == key(store, "edge/distill")) & (edges.c.kind == "distilled_from")
    return update(edges).where(here).values(parent=key(store, "mini/distill"))


def own_recipe(store: Store) -> None:
    """A true recipe, in the folder of another artifact."""
    shutil.copy(inside(store, "mini/distill", MANIFEST), inside(store, "nano/distill", MANIFEST))


def replaced(store: Store) -> None:
    """Other weights, and a manifest that agrees."""
    path = inside(store, "mini/distill", "model.safetensors")
    flip(path)
    in_manifest("mini/distill", lambda said: said["files"][path.name].update(sha256=sha256(path)))(
        store
    )


MODEL: dict[str, tuple[Tamper, str]] = {
    "one byte": (
        lambda store: flip(inside(store, "mini/distill", "model.safetensors")),
        rf"toy/mini \(\w+\) has another model\.safetensors: SHA-256 {HEX}, expected {HEX}",
    ),
    "a lost file": (
        lambda store: inside(store, "/flagship", "tokenizer.json").unlink(),
        r"toy/flagship \(\w+\) has lost tokenizer\.json",
    ),
    "a new file": (
        lambda store: inside(store, "edge/export:int4", "run_me.py").write_text("import os"),
        r"toy/edge/int4 \(\w+\) holds run_me\.py, which no record names",
    ),
    "a lost artifact": (
        lambda store: shutil.rmtree(store.folder(key(store, "/corpus"))),
        r"toy/corpus \(\w+\) is not in the store",
    ),
    "a lost manifest": (
        lambda store: inside(store, "nano/start", MANIFEST).unlink(),
        r"toy/nano/start \(\w+\) has lost manifest\.json",
    ),
    "a broken manifest": (
        lambda store: inside(store, "nano/start", MANIFEST).write_text("{"),
        r"toy/nano/start \(\w+\) has a manifest\.json that cannot be read",
    ),
    "a file and its digest": (
        replaced,
        rf"toy/mini \(\w+\) {INDEX}builds digest",
    ),
    "a setting": (
        in_manifest("/corpus", lambda said: said["recipe"]["settings"].update(turn="x")),
        rf"toy/corpus \(\w+\) has a recipe of digest {HEX}, expected its key {HEX}",
    ),
    "an input": (
        in_manifest("edge/distill", lambda said: said["recipe"]["inputs"].update(teacher="a" * 64)),
        r"toy/edge \(\w+\) has a recipe of digest",
    ),
    "another artifact's recipe": (own_recipe, r"toy/nano \(\w+\) has a recipe of digest"),
    "the manifest's key": (
        in_manifest("/corpus", lambda said: said.update(key="a" * 64)),
        r"toy/corpus \(\w+\) has a manifest\.json that says it is aaaa",
    ),
    "an edge in a manifest": (
        in_manifest("mini/distill", lambda said: said["outcome"]["edges"].pop()),
        r"toy/mini \(\w+\) has a manifest\.json and an outcome\.json that tell different outcomes",
    ),
    "an outcome": (
        lambda store: edit(inside(store, "mini/distill", OUTCOME), lambda said: said.clear()),
        r"toy/mini \(\w+\) has another outcome\.json",
    ),
    "the seed": (
        in_manifest("mini/distill", lambda said: said["origin"].update(seed=7)),
        rf"toy/mini \(\w+\) {INDEX}builds seed is 0, expected 7",
    ),
    "a swapped edge in the index": (
        in_index(swapped_edge),
        rf"toy/edge \(\w+\) is otherwise in the index: edges 1\.parent is {HEX}, expected {HEX}",
    ),
    "a lost edge in the index": (
        in_index(lambda store: delete(edges).where(edges.c.child == key(store, "edge/distill"))),
        rf"toy/edge \(\w+\) {INDEX}edges 0 is nothing, expected \{{.*`descent lineage reindex`",
    ),
    "an invented figure in the index": (
        in_index(
            lambda store: insert(metrics).values(
                source=key(store, "edge/distill"),
                position=0,
                model=key(store, "edge/distill"),
                name="agreement",
                value=1.0,
                n=1,
                unit="tokens",
                protocol="",
            )
        ),
        rf"toy/edge \(\w+\) {INDEX}metrics 0 is \{{.*, expected nothing",
    ),
}


@pytest.mark.parametrize(("tamper", "told"), MODEL.values(), ids=MODEL.keys())
def test_what_was_altered_above_a_model_is_named(
    released: Store, tamper: Tamper, told: str
) -> None:
    tamper(released)
    found = verify_model(released, "edge/int4")
    assert found.difference
    assert re.match(told, str(found.difference))
    assert found.difference.where.partition(" ")[0] not in {one.name for one in found.checked}


def test_the_first_cause_is_named_however_much_differs(released: Store) -> None:
    for place in ("edge/export:int4", "mini/distill", "/flagship", "nano/start"):
        flip(next(iter(sorted(released.folder(key(released, place)).glob("model.*")))))
    found = verify_model(released, "edge/int4")
    assert found.difference
    assert found.difference.where.startswith("toy/flagship ")
    assert found.checked == ()


def test_what_a_model_was_not_made_from_is_not_looked_at(released: Store) -> None:
    flip(inside(released, "mini/export:fp32", "model.onnx"))
    assert verify_model(released, "edge/int4").difference is None
    assert verify_model(released, "mini/fp32").difference


def test_progress_ends_with_every_byte_read(released: Store) -> None:
    heard: list[Progress] = []
    found = verify_model(released, "edge/int4", heard.append)
    size = sum(one.bytes for one in found.checked)
    assert (heard[-1].done, heard[-1].total, heard[-1].unit) == (size, size, "bytes")


def test_an_unknown_name_is_no_difference(released: Store) -> None:
    with pytest.raises(NotFoundError, match="Did you mean"):
        verify_model(released, "egde/int4")
    with pytest.raises(NotFoundError, match=r"toy has no release 2\.0\.0"):
        verify_release(released, "toy", "2.0.0")


# ---- releases ------------------------------------------------------------------------------


def test_a_release_is_checked_whole(released: Store, signed: Path) -> None:
    found = verify_release(released, "toy", "candidate", signed / "key.pub.pem")
    assert found.difference is None
    assert (found.name, found.signature) == ("toy 1.0.0", "valid")
    assert len(found.checked) == len(set(released.head("toy").values())) + 1
    assert found.checked[-1].id == "published"
    assert verify_release(released, "toy", "1.0.0").signature == "not checked"


def as_recorded(store: Store, change: Callable[[Any], object]) -> None:
    """Alter release.json, and the index with it."""
    edit(published(store) / RELEASE, change)
    reindex(store)


def publish_other(store: Store) -> None:
    """Another file in the place of a published one, and records that agree."""
    path = "edge/int4/model.onnx.data"
    flip(published(store) / path)
    digest = sha256(published(store) / path)
    as_recorded(store, lambda said: said["published"].update({path: digest}))


def say_otherwise(store: Store) -> None:
    """A statement with another teacher, and records that agree."""
    path = published(store) / STATEMENT

    def change(said: Any) -> None:
        materials = said["predicate"]["buildDefinition"]["resolvedDependencies"]
        (edge,) = [one for one in materials if one["name"] == "edge/distill"]
        edge["annotations"]["edges"][1]["parent"] = key(store, "mini/distill")

    edit(path, change)
    as_recorded(store, lambda said: said["published"].update({STATEMENT: sha256(path)}))


def say_twice(store: Store) -> None:
    path = published(store) / STATEMENT
    edit(path, lambda said: said["subject"].append(said["subject"][0]))
    as_recorded(store, lambda said: said["published"].update({STATEMENT: sha256(path)}))


def forget_digests(store: Store) -> None:
    as_recorded(store, lambda said: said["digests"].clear())


def build_again(store: Store) -> None:
    """The same recipe, with other files in the end, and records that agree."""
    replaced(store)
    reindex(store)


def everything_agrees(store: Store) -> None:
    """Another file, and every record in the store and the index made to agree with it."""
    path = published(store) / "NOTES.txt"
    path.write_text("New.")
    said = json.loads((published(store) / STATEMENT).read_bytes())
    said["subject"].append({"name": path.name, "digest": {"sha256": sha256(path)}})
    (published(store) / STATEMENT).write_text(json.dumps(said))
    sums = {one.name: sha256(one) for one in (path, published(store) / STATEMENT)}
    as_recorded(store, lambda said: said["published"].update(sums))


def of_another_release(store: Store) -> None:
    release(store, "toy", "1.0.1", by="Ada")
    other = release_folder(store, "toy", "1.0.1")
    Signer(store.root.parent / "key.pem", str).sign(other)
    shutil.copy(other / SIGNATURE, published(store) / SIGNATURE)


def another_release(store: Store) -> None:
    """All of a true release, in the place of one that people decided about."""
    release(store, "toy", "1.0.1", by="Ada")
    other = release_folder(store, "toy", "1.0.1")
    Signer(store.root.parent / "key.pem", str).sign(other)
    shutil.rmtree(published(store))
    shutil.copytree(other, published(store))


def altered_signature(store: Store) -> None:
    def change(said: Any) -> None:
        own = said["dsseEnvelope"]["signatures"][0]
        own["sig"] = own["sig"][:20] + ("A" if own["sig"][20] != "A" else "B") + own["sig"][21:]

    edit(published(store) / SIGNATURE, change)


RELEASED: dict[str, tuple[Tamper, str]] = {
    "one byte of release.json": (
        lambda store: edit(published(store) / RELEASE, lambda said: said.update(note="Better.")),
        rf"toy 1\.0\.0 {INDEX}releases ",
    ),
    "no release.json": (
        lambda store: (published(store) / RELEASE).unlink(),
        r"toy 1\.0\.0 has lost release\.json\. Bring .* back from a backup",
    ),
    "a broken release.json": (
        lambda store: (published(store) / RELEASE).write_text("{}"),
        r"toy 1\.0\.0 has a release\.json that cannot be read",
    ),
    "another release": (another_release, r"toy 1\.0\.0 has the release\.json of toy 1\.0\.1\."),
    "a step in the index": (
        in_index(lambda store: update(steps).where(steps.c.tier == "edge").values(key="a" * 64)),
        rf"toy 1\.0\.0 {INDEX}released edge/\S+\.key is aaaa",
    ),
    "one byte of an artifact": (
        lambda store: flip(inside(store, "nano/export:int8", "model.onnx")),
        r"toy/nano/int8 \(\w+\) has another model\.onnx",
    ),
    "an artifact that was built again": (
        build_again,
        rf"toy/mini \(\w+\) has files of digest {HEX}, and toy 1\.0\.0 was made with {HEX}",
    ),
    "one byte of a published file": (
        lambda store: flip(published(store) / "edge/int4/model.onnx.data"),
        r"toy 1\.0\.0 has another edge/int4/model\.onnx\.data: SHA-256",
    ),
    "a lost file": (
        lambda store: (published(store) / "edge/int4/tokenizer.json").unlink(),
        r"toy 1\.0\.0 has lost edge/int4/tokenizer\.json",
    ),
    "a new file that git would hide": (
        lambda store: (published(store) / ".gitignore").write_text("*"),
        r"toy 1\.0\.0 holds \.gitignore, which no record names",
    ),
    "another file published": (
        publish_other,
        rf"toy 1\.0\.0 publishes edge/int4/model\.onnx\.data with SHA-256 {HEX}, made with {HEX}",
    ),
    "one byte of the statement": (
        lambda store: flip(published(store) / STATEMENT),
        r"toy 1\.0\.0 has another statement\.json",
    ),
    "a statement that tells of another teacher": (
        say_otherwise,
        r"toy 1\.0\.0 has a statement\.json where materials\.edge/distill\.annotations\.edges is",
    ),
    "a statement that names a file twice": (
        say_twice,
        r"toy 1\.0\.0 has a statement\.json that cannot be read: .*a name stands twice",
    ),
    "no digests": (
        forget_digests,
        rf"toy/flagship \(\w+\) has files of digest {HEX}, and toy 1\.0\.0 was made with nothing",
    ),
    "no signature": (
        lambda store: (published(store) / SIGNATURE).unlink(),
        r"toy 1\.0\.0 is not signed",
    ),
    "every record": (
        everything_agrees,
        r"toy 1\.0\.0 has a signature that is over other files than these: release\.json, stat",
    ),
    "the signature of another release": (
        of_another_release,
        r"toy 1\.0\.0 has a signature that is over other files than these: NOTES\.md, notes\.json, "
        r"release\.json",
    ),
    "an altered signature": (
        altered_signature,
        r"toy 1\.0\.0 has a signature that was altered, or is not by this key",
    ),
    "a broken signature": (
        lambda store: (published(store) / SIGNATURE).write_text('{"verificationMaterial": []}'),
        r"toy 1\.0\.0 has a signature that cannot be read",
    ),
}


@pytest.mark.parametrize(("tamper", "told"), RELEASED.values(), ids=RELEASED.keys())
def test_what_was_altered_of_a_release_is_named(
    released: Store, signed: Path, tamper: Tamper, told: str
) -> None:
    shutil.copy(signed / "key.pem", released.root.parent)
    tamper(released)
    found = verify_release(released, "toy", "1.0.0", signed / "key.pub.pem")
    assert found.difference
    assert re.match(told, str(found.difference))
    assert found.signature != "valid"


def test_another_key_than_the_signer_s_is_told(released: Store, tmp_path: Path) -> None:
    other = new_key(tmp_path / "other.pem", str)
    found = verify_release(released, "toy", "1.0.0", other)
    assert found.difference
    assert found.difference.what == "has a signature that is by another key"


def test_a_release_stays_verified_when_the_family_moves_on(released: Store, signed: Path) -> None:
    release(released, "toy", "1.0.1", by="Ada", note="The same again.")
    assert Lineage(released).release("toy", "candidate").version == "1.0.1"
    for version, signature in (("1.0.0", "not checked"), ("1.0.1", "none")):
        found = verify_release(released, "toy", version)
        assert (found.difference, found.signature) == (None, signature)
