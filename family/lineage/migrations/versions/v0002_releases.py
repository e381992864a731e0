"""Data sets, releases and what people decided about them."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table(
        "datasets",
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("train", sa.BigInteger(), nullable=False),
        sa.Column("held_out", sa.BigInteger(), nullable=False),
        sa.Column("tokens", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["key"], ["builds.key"], name=op.f("fk_datasets_key"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_datasets")),
    )
    op.create_table(
        "releases",
        sa.Column("family", sa.String(), nullable=False),
        sa.Column("version", sa.String(), nullable=False),
        sa.Column("change", sa.String(), nullable=False),
        sa.Column("previous", sa.String(), nullable=True),
        sa.Column("by", sa.String(), nullable=False),
        sa.Column("note", sa.String(), nullable=False),
        sa.Column("created", sa.String(), nullable=False),
        sa.Column("approve_by", sa.String(), nullable=True),
        sa.Column("prefect_run_id", sa.String(), nullable=True),
        sa.Column("digest", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("family", "version", name=op.f("pk_releases")),
    )
    op.create_index(op.f("ix_releases_digest"), "releases", ["digest"])
    op.create_table(
        "released",
        sa.Column("family", sa.String(), nullable=False),
        sa.Column("version", sa.String(), nullable=False),
        sa.Column("tier", sa.String(), nullable=False),
        sa.Column("step", sa.String(), nullable=False),
        sa.Column("key", sa.String(length=64), nullable=False),
        _of_a_release("released"),
        sa.PrimaryKeyConstraint("family", "version", "tier", "step", name=op.f("pk_released")),
    )
    op.create_index(op.f("ix_released_key"), "released", ["key"])
    op.create_table(
        "obligations",
        sa.Column("family", sa.String(), nullable=False),
        sa.Column("version", sa.String(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("model", sa.String(length=64), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("detail", sa.JSON(), nullable=False),
        _of_a_release("obligations"),
        sa.PrimaryKeyConstraint("family", "version", "position", name=op.f("pk_obligations")),
    )
    op.create_index(op.f("ix_obligations_model"), "obligations", ["model"])
    op.create_table(
        "decisions",
        sa.Column("family", sa.String(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("version", sa.String(), nullable=False),
        sa.Column("alias", sa.String(), nullable=True),
        sa.Column("subject", sa.String(), nullable=True),
        sa.Column("by", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("at", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("family", "number", name=op.f("pk_decisions")),
    )
    op.create_index(op.f("ix_builds_step"), "builds", ["step"])


def _of_a_release(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["family", "version"],
        ["releases.family", "releases.version"],
        name=op.f(f"fk_{table}_family"),
        ondelete="CASCADE",
    )
