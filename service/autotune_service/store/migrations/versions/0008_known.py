"""What a laboratory knows: lists of candidates, earlier experiments to learn from, and what runs report on their way.

Revision ID: 0008
"""

from alembic import op

revision = "0008"
down_revision = "0007"

_UP = """
ALTER TABLE experiments
    ADD COLUMN learn_from json DEFAULT '[]' NOT NULL,
    ADD COLUMN early_stop json,
    ADD COLUMN candidates json;
CREATE TABLE earlier_runs (
    exp_uuid uuid NOT NULL REFERENCES experiments ON DELETE CASCADE,
    seq bigint NOT NULL,
    source integer NOT NULL,
    covars json NOT NULL,
    responses json NOT NULL,
    sds json NOT NULL,
    PRIMARY KEY (exp_uuid, seq)
);
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
);
ALTER TABLE observation_versions ADD COLUMN stopped_step bigint, ADD COLUMN stopped_value double precision;
ALTER TABLE observations
    ADD COLUMN stopped_step bigint,
    ADD COLUMN stopped_value double precision,
    ADD COLUMN candidate integer;
CREATE TABLE candidate_blocks (
    exp_uuid uuid NOT NULL REFERENCES experiments ON DELETE CASCADE,
    first integer NOT NULL,
    n integer NOT NULL,
    covars json NOT NULL,
    details json NOT NULL,
    withdrawn integer[] NOT NULL,
    keys bigint[] NOT NULL,
    PRIMARY KEY (exp_uuid, first)
);
ALTER TABLE suggestions ADD COLUMN candidate json;
CREATE INDEX observations_of_candidate ON observations (exp_uuid, candidate) WHERE candidate IS NOT NULL
"""

_DOWN = """
ALTER TABLE suggestions DROP COLUMN candidate;
DROP TABLE candidate_blocks, curves, earlier_runs;
UPDATE observations SET is_excluded = true WHERE stopped_step IS NOT NULL;
ALTER TABLE observations DROP COLUMN candidate, DROP COLUMN stopped_step, DROP COLUMN stopped_value;
ALTER TABLE observation_versions DROP COLUMN stopped_step, DROP COLUMN stopped_value;
ALTER TABLE experiments DROP COLUMN candidates, DROP COLUMN early_stop, DROP COLUMN learn_from
"""


def upgrade() -> None:
    """Add the tables and the columns, of which a service of before writes none.

    To such a service, an experiment learns from no other one and has no list: it suggests any configuration. A run that
    was stopped is one that did not measure the response that it reported: it teaches nothing, and is never the best.
    """
    _execute_each(_UP)


def downgrade() -> None:
    """Forget them: experiments go on with what they measured themselves, and with any configuration of their space.

    Runs that were stopped do not count any more, as they have no final value.
    """
    _execute_each(_DOWN)


def _execute_each(statements: str) -> None:
    # asyncpg prepares what it runs, and a prepared statement is one statement.
    for statement in statements.split(";"):
        op.execute(statement)
