"""The first schema."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "builds",
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("family", sa.String(), nullable=False),
        sa.Column("tier", sa.String(), nullable=False),
        sa.Column("step", sa.String(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("recipe", sa.JSON(), nullable=False),
        sa.Column("facts", sa.JSON(), nullable=False),
        sa.Column("started", sa.String(), nullable=False),
        sa.Column("seconds", sa.Float(), nullable=False),
        sa.Column("seed", sa.BigInteger(), nullable=True),
        sa.Column("environment", sa.JSON(), nullable=False),
        sa.Column("prefect_run_id", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_builds")),
    )
    op.create_table(
        "heads",
        sa.Column("family", sa.String(), nullable=False),
        sa.Column("tier", sa.String(), nullable=False),
        sa.Column("step", sa.String(), nullable=False),
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("family", "tier", "step", name=op.f("pk_heads")),
    )
    op.create_index(op.f("ix_heads_key"), "heads", ["key"])
    op.create_table(
        "edges",
        sa.Column("child", sa.String(length=64), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("parent", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("detail", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(
            ["child"], ["builds.key"], name=op.f("fk_edges_child"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("child", "position", name=op.f("pk_edges")),
    )
    op.create_index(op.f("ix_edges_parent"), "edges", ["parent"])
    op.create_table(
        "metrics",
        sa.Column("source", sa.String(length=64), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("model", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("value", sa.Float(), nullable=False),
        sa.Column("n", sa.BigInteger(), nullable=False),
        sa.Column("low", sa.Float(), nullable=True),
        sa.Column("high", sa.Float(), nullable=True),
        sa.Column("unit", sa.String(), nullable=False),
        sa.Column("protocol", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["source"], ["builds.key"], name=op.f("fk_metrics_source"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("source", "position", name=op.f("pk_metrics")),
    )
    op.create_index(op.f("ix_metrics_model"), "metrics", ["model"])
    op.create_table(
        "models",
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("family", sa.String(), nullable=False),
        sa.Column("tier", sa.String(), nullable=False),
        sa.Column("step", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("precision", sa.String(), nullable=False),
        sa.Column("parameters", sa.BigInteger(), nullable=False),
        sa.Column("architecture", sa.String(), nullable=False),
        sa.Column("shape", sa.JSON(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("created", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["key"], ["builds.key"], name=op.f("fk_models_key"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_models")),
    )
    op.create_index(op.f("ix_models_digest"), "models", ["digest"])
    op.create_table(
        "verdicts",
        sa.Column("gate", sa.String(length=64), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("bound", sa.String(), nullable=False),
        sa.Column("limit", sa.Float(), nullable=False),
        sa.Column("value", sa.Float(), nullable=False),
        sa.Column("passed", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["gate"], ["builds.key"], name=op.f("fk_verdicts_gate"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("gate", "position", name=op.f("pk_verdicts")),
    )
    op.create_table(
        "files",
        sa.Column("model", sa.String(length=64), nullable=False),
        sa.Column("path", sa.String(), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["model"], ["models.key"], name=op.f("fk_files_model"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("model", "path", name=op.f("pk_files")),
    )
    op.create_index(op.f("ix_files_sha256"), "files", ["sha256"])


def downgrade() -> None:
    for table in ("files", "verdicts", "models", "metrics", "edges", "heads", "builds"):
        op.drop_table(table)
