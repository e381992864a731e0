"""The index's tables. Every row follows from one file of the store.

a manifest:  builds ──┬── models ── files         a family's file:   heads
                      ├── edges                   a release's file:  releases ──┬── released
                      ├── metrics                                               └── obligations
                      ├── verdicts                a decision's file: decisions
                      └── datasets

A change here needs a migration; a test compares the two.
"""

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    ForeignKeyConstraint,
    Integer,
    MetaData,
    String,
    Table,
)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _key(
    name: str, of: str | None = None, *, primary_key: bool = False, index: bool = False
) -> Column[str]:
    """A column of keys: 64 hex digits. Rows go when the row that they hang on goes."""
    hang = [ForeignKey(of, ondelete="CASCADE")] if of else []
    return Column(
        name, String(64), *hang, nullable=False, primary_key=primary_key, index=index or None
    )


def _text(name: str, *, primary_key: bool = False, index: bool = False) -> Column[str]:
    return Column(name, String, nullable=False, primary_key=primary_key, index=index or None)


#: One row per artifact: who made it, when, with what.
builds = Table(
    "builds",
    metadata,
    _key("key", primary_key=True),
    _text("family"),
    _text("tier"),
    _text("step", index=True),
    _text("digest"),
    Column("recipe", JSON, nullable=False),
    Column("facts", JSON, nullable=False),
    _text("started"),
    Column("seconds", Float, nullable=False),
    Column("energy_joules", Float),
    Column("seed", BigInteger),
    Column("environment", JSON, nullable=False),
    Column("prefect_run_id", String),
)

#: The artifacts that are models. Family, tier, step and name are those of the first build.
models = Table(
    "models",
    metadata,
    _key("key", "builds.key", primary_key=True),
    _text("family"),
    _text("tier"),
    _text("step"),
    _text("name"),
    _text("precision"),
    Column("parameters", BigInteger, nullable=False),
    _text("architecture"),
    Column("shape", JSON, nullable=False),
    _text("digest", index=True),
    _text("created"),
)

#: A model's files; `path` is relative to the store.
files = Table(
    "files",
    metadata,
    _key("model", "models.key", primary_key=True),
    _text("path", primary_key=True),
    Column("bytes", BigInteger, nullable=False),
    _text("sha256", index=True),
)

#: How `child` came from `parent`, in the order in which its stage told it. The parent's own row
#: may be gone: what was swept is still named.
edges = Table(
    "edges",
    metadata,
    _key("child", "builds.key", primary_key=True),
    Column("position", Integer, primary_key=True),
    _key("parent", index=True),
    _text("kind"),
    Column("detail", JSON, nullable=False),
)

#: What the artifact `source` measured about `model`.
metrics = Table(
    "metrics",
    metadata,
    _key("source", "builds.key", primary_key=True),
    Column("position", Integer, primary_key=True),
    _key("model", index=True),
    _text("name"),
    Column("value", Float, nullable=False),
    Column("n", BigInteger, nullable=False),
    Column("low", Float),
    Column("high", Float),
    _text("unit"),
    _text("protocol"),
)

#: What the artifact `gate` decided.
verdicts = Table(
    "verdicts",
    metadata,
    _key("gate", "builds.key", primary_key=True),
    Column("position", Integer, primary_key=True),
    _text("bound"),
    Column("limit", Float, nullable=False),
    Column("value", Float, nullable=False),
    Column("passed", Boolean, nullable=False),
)

#: The artifacts that are data: what a tier is taught with, on the way from prompts to blocks.
datasets = Table(
    "datasets",
    metadata,
    _key("key", "builds.key", primary_key=True),
    _text("kind"),
    Column("train", BigInteger, nullable=False),
    Column("held_out", BigInteger, nullable=False),
    Column("tokens", BigInteger),
)

#: Which artifact each step of a family has now. One artifact may serve several steps.
heads = Table(
    "heads",
    metadata,
    _text("family", primary_key=True),
    _text("tier", primary_key=True),
    _text("step", primary_key=True),
    _key("key", index=True),
)

#: A version of a whole family. `digest` is the SHA-256 of its file in the store.
releases = Table(
    "releases",
    metadata,
    _text("family", primary_key=True),
    _text("version", primary_key=True),
    _text("change"),
    Column("previous", String),
    _text("by"),
    _text("note"),
    _text("created"),
    Column("approve_by", String),
    Column("prefect_run_id", String),
    _text("digest", index=True),
)


def _of_a_release() -> ForeignKeyConstraint:
    """Rows go when the release that they hang on goes."""
    return ForeignKeyConstraint(
        ["family", "version"], ["releases.family", "releases.version"], ondelete="CASCADE"
    )


#: Which artifact each step had when the release was made.
released = Table(
    "released",
    metadata,
    _text("family", primary_key=True),
    _text("version", primary_key=True),
    _text("tier", primary_key=True),
    _text("step", primary_key=True),
    _key("key", index=True),
    _of_a_release(),
)

#: What licences asked of a release's models when it was made, and whether it was met.
obligations = Table(
    "obligations",
    metadata,
    _text("family", primary_key=True),
    _text("version", primary_key=True),
    Column("position", Integer, primary_key=True),
    _key("model", index=True),
    _text("subject"),
    _text("status"),
    Column("detail", JSON, nullable=False),
    _of_a_release(),
)

#: What people decided about a family's releases, in order.
decisions = Table(
    "decisions",
    metadata,
    _text("family", primary_key=True),
    Column("number", Integer, primary_key=True),
    _text("kind"),
    _text("version"),
    Column("alias", String),
    Column("subject", String),
    _text("by"),
    _text("reason"),
    _text("at"),
)

#: Which store this is the index of: its id, and where it stood. One row.
store = Table("store", metadata, _text("id", primary_key=True), _text("root"))
