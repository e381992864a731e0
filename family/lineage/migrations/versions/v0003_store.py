"""Which store an index is of, the energy of a build, and text that sorts alike everywhere."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.add_column("builds", sa.Column("energy_joules", sa.Float(), nullable=True))
    op.create_table(
        "store",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("root", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_store")),
    )
    if op.get_bind().dialect.name == "postgresql":
        _sort_by_code_point()


def _sort_by_code_point() -> None:
    """As SQLite does; PostgreSQL sorts by the language that its database was made with."""
    found = sa.inspect(op.get_bind())
    for table in found.get_table_names():
        for column in found.get_columns(table):
            kind = column["type"]
            if isinstance(kind, sa.String) and kind.length is None:  # digits sort alike anyway
                op.alter_column(table, column["name"], type_=sa.String(collation="C"))
