"""Why a run failed, notes and tags on runs, and pauses of experiments.

Revision ID: 0006
"""

from alembic import op

revision = "0006"
down_revision = "0005"

_UP = """
ALTER TABLE observations
    ADD COLUMN failed_because text,
    ADD COLUMN note text,
    ADD COLUMN tags json,
    ADD COLUMN noted_by uuid,
    ADD COLUMN noted_at timestamptz;
ALTER TABLE observation_versions ADD COLUMN failed_because text;
ALTER TABLE experiments
    ADD COLUMN paused json,
    ADD COLUMN paused_by uuid,
    DROP CONSTRAINT experiments_state_check,
    ADD CONSTRAINT experiments_state_check CHECK (state IN ('active', 'paused', 'closed'))
"""

_DOWN = """
UPDATE experiments SET state = 'active' WHERE state = 'paused';
ALTER TABLE experiments
    DROP COLUMN paused,
    DROP COLUMN paused_by,
    DROP CONSTRAINT experiments_state_check,
    ADD CONSTRAINT experiments_state_check CHECK (state IN ('active', 'closed'));
ALTER TABLE observation_versions DROP COLUMN failed_because;
ALTER TABLE observations
    DROP COLUMN failed_because,
    DROP COLUMN note,
    DROP COLUMN tags,
    DROP COLUMN noted_by,
    DROP COLUMN noted_at
"""


def upgrade() -> None:
    """Add the columns and the state; services of before write none of them.

    To a service of before, a paused experiment is one that is not closed and has no work for its worker: it takes
    tells and computes nothing. That is why a pause is a state, and not only a column.
    """
    _execute_each(_UP)


def downgrade() -> None:
    """Forget them: experiments that were paused go on."""
    _execute_each(_DOWN)


def _execute_each(statements: str) -> None:
    # asyncpg prepares what it runs, and a prepared statement is one statement.
    for statement in statements.split(";"):
        op.execute(statement)
