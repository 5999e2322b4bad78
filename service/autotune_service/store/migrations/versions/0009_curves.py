"""What runs report while they are under way, the rule that stops them early, and the step at which they were stopped.

Revision ID: 0009
"""

from alembic import op

revision = "0009"
down_revision = "0008"

_UP = """
ALTER TABLE experiments ADD COLUMN early_stop json;
ALTER TABLE observations ADD COLUMN stopped_step bigint, ADD COLUMN stopped_value double precision;
ALTER TABLE observation_versions ADD COLUMN stopped_step bigint, ADD COLUMN stopped_value double precision;
CREATE TABLE curves (
    exp_uuid uuid NOT NULL REFERENCES experiments ON DELETE CASCADE,
    seq bigint NOT NULL,
    suggestion_uuid uuid NOT NULL UNIQUE REFERENCES suggestions ON DELETE CASCADE,
    steps json NOT NULL,
    values json NOT NULL,
    n_steps integer NOT NULL,
    why text,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (exp_uuid, seq)
)
"""

_DOWN = """
DROP TABLE curves;
UPDATE observations SET is_excluded = true WHERE stopped_step IS NOT NULL;
ALTER TABLE observation_versions DROP COLUMN stopped_step, DROP COLUMN stopped_value;
ALTER TABLE observations DROP COLUMN stopped_step, DROP COLUMN stopped_value;
ALTER TABLE experiments DROP COLUMN early_stop
"""


def upgrade() -> None:
    """Add the table and the columns; services of before write none of them.

    To a service of before, a run that was stopped is one that did not measure the response that it reported: its engine
    learns nothing from it, and it is never the best.
    """
    _execute_each(_UP)


def downgrade() -> None:
    """Forget them: runs that were stopped do not count any more, as they have no final value."""
    _execute_each(_DOWN)


def _execute_each(statements: str) -> None:
    # asyncpg prepares what it runs, and a prepared statement is one statement.
    for statement in statements.split(";"):
        op.execute(statement)
