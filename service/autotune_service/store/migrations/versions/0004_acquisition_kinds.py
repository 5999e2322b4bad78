"""What the value of a suggestion's acquisition tells.

Revision ID: 0004
"""

from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Add the kind; suggestions of before have none, and services of before write none."""
    op.execute("ALTER TABLE suggestions ADD COLUMN acquisition_kind text")


def downgrade() -> None:
    """Forget the kinds, and the values that are no expected improvement: to the version before, all were."""
    op.execute(
        "UPDATE suggestions SET acquisition = NULL WHERE acquisition_kind NOT IN ('expected_improvement', 'greattunes')"
    )
    op.execute("ALTER TABLE suggestions DROP COLUMN acquisition_kind")
