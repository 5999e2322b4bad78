"""Who told an observation.

Revision ID: 0005
"""

from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Add the user who told it; of observations of before nobody knows the user, and services of before write none."""
    op.execute("ALTER TABLE observations ADD COLUMN told_by uuid")


def downgrade() -> None:
    """Forget who told the observations."""
    op.execute("ALTER TABLE observations DROP COLUMN told_by")
