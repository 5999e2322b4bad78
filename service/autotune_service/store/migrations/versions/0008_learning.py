"""What an experiment learns from earlier ones.

Revision ID: 0008
"""

from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Add the column and the table; experiments of before, and of services of before, learn from none."""
    op.execute("ALTER TABLE experiments ADD COLUMN learn_from json DEFAULT '[]' NOT NULL")
    op.execute("""
        CREATE TABLE earlier_runs (
            exp_uuid uuid NOT NULL REFERENCES experiments (exp_uuid) ON DELETE CASCADE,
            seq bigint NOT NULL,
            source integer NOT NULL,
            covars json NOT NULL,
            responses json NOT NULL,
            sds json NOT NULL,
            PRIMARY KEY (exp_uuid, seq)
        )
    """)


def downgrade() -> None:
    """Forget them: the experiments go on with what they measured themselves."""
    op.execute("DROP TABLE earlier_runs")
    op.execute("ALTER TABLE experiments DROP COLUMN learn_from")
