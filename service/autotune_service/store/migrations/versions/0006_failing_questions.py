"""When a question on which the engine failed is worth another try.

Revision ID: 0006
"""

from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Add the moment; questions of before have none, and workers of before write none."""
    op.execute("ALTER TABLE questions ADD COLUMN retry_at timestamptz")


def downgrade() -> None:
    """Forget the moments: whoever asks again has the engine try again at once."""
    op.execute("ALTER TABLE questions DROP COLUMN retry_at")
