"""Several responses, constraints, failed runs, revisions of a space, stop rules and questions to the engine.

Revision ID: 0002
"""

from alembic import op

revision = "0002"
down_revision = "0001"

_UP = """
ALTER TABLE experiments
    ADD COLUMN responses json,
    ADD COLUMN constraints json,
    ADD COLUMN engine text,
    ADD COLUMN stop json,
    ADD COLUMN stopped json,
    ADD COLUMN space_revision integer,
    ADD COLUMN best_predicted json;
UPDATE experiments SET
    responses = json_build_object('Response', json_build_object('goal', direction)),
    constraints = json_build_array(),
    engine = 'autotune',
    space_revision = 0;
ALTER TABLE experiments
    ALTER COLUMN responses SET NOT NULL,
    ALTER COLUMN constraints SET NOT NULL,
    ALTER COLUMN engine SET NOT NULL,
    ALTER COLUMN space_revision SET NOT NULL;
DROP INDEX experiments_with_work;
CREATE INDEX experiments_with_work ON experiments (updated_at)
    WHERE state = 'active' AND stopped IS NULL AND (data_rev > fit_rev OR n_open < n_wanted);
CREATE TABLE spaces (
    exp_uuid uuid NOT NULL REFERENCES experiments ON DELETE CASCADE,
    revision integer NOT NULL,
    covars json NOT NULL,
    constraints json NOT NULL,
    backfill json NOT NULL,
    seq bigint NOT NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (exp_uuid, revision)
);
INSERT INTO spaces
    SELECT exp_uuid, 0, covars, json_build_array(), json_build_object(), 1, created_at FROM experiments;
ALTER TABLE observations
    ADD COLUMN responses json,
    ADD COLUMN sds json,
    ADD COLUMN status text CHECK (status IN ('ok', 'failed')),
    ALTER COLUMN response DROP NOT NULL;
UPDATE observations SET
    responses = json_build_object('Response', response), sds = json_build_object(), status = 'ok';
ALTER TABLE observations
    ALTER COLUMN responses SET NOT NULL,
    ALTER COLUMN sds SET NOT NULL,
    ALTER COLUMN status SET NOT NULL;
ALTER TABLE suggestions
    ADD COLUMN predictions json,
    ADD COLUMN acquisition double precision,
    ADD COLUMN engine_version text,
    ADD COLUMN seed bigint,
    ADD COLUMN data_seq bigint,
    ADD COLUMN seconds double precision,
    ADD COLUMN fixed json,
    ADD COLUMN fixed_key text;
UPDATE suggestions SET
    predictions = CASE WHEN mean IS NULL THEN json_build_object()
        ELSE json_build_object('Response', json_build_object('mean', mean, 'sd', sd)) END,
    fixed = json_build_object();
ALTER TABLE suggestions
    ALTER COLUMN predictions SET NOT NULL,
    ALTER COLUMN fixed SET NOT NULL;
CREATE TABLE questions (
    question_uuid uuid PRIMARY KEY,
    exp_uuid uuid NOT NULL REFERENCES experiments ON DELETE CASCADE,
    kind text NOT NULL CHECK (kind IN ('suggest', 'predict', 'insights')),
    body json NOT NULL,
    body_key text NOT NULL,
    data_rev bigint NOT NULL,
    state text NOT NULL CHECK (state IN ('waiting', 'answered', 'failed')),
    answer json,
    failure text,
    lease_token uuid,
    lease_by text,
    lease_until timestamptz,
    created_at timestamptz NOT NULL,
    answered_at timestamptz,
    UNIQUE (exp_uuid, kind, body_key)
);
CREATE INDEX questions_waiting ON questions (created_at) WHERE state = 'waiting';
"""

_DOWN = """
DROP TABLE questions;
UPDATE suggestions SET state = 'superseded' WHERE state = 'open' AND fixed_key IS NOT NULL;
ALTER TABLE suggestions
    DROP COLUMN predictions,
    DROP COLUMN acquisition,
    DROP COLUMN engine_version,
    DROP COLUMN seed,
    DROP COLUMN data_seq,
    DROP COLUMN seconds,
    DROP COLUMN fixed,
    DROP COLUMN fixed_key;
DELETE FROM observations WHERE response IS NULL;
ALTER TABLE observations
    DROP COLUMN responses,
    DROP COLUMN sds,
    DROP COLUMN status,
    ALTER COLUMN response SET NOT NULL;
DROP TABLE spaces;
DROP INDEX experiments_with_work;
ALTER TABLE experiments
    DROP COLUMN responses,
    DROP COLUMN constraints,
    DROP COLUMN engine,
    DROP COLUMN stop,
    DROP COLUMN stopped,
    DROP COLUMN space_revision,
    DROP COLUMN best_predicted;
UPDATE experiments SET
    n_observations = (SELECT count(*) FROM observations WHERE observations.exp_uuid = experiments.exp_uuid);
CREATE INDEX experiments_with_work ON experiments (updated_at)
    WHERE state = 'active' AND (data_rev > fit_rev OR n_open < n_wanted);
"""


def upgrade() -> None:
    """Widen the tables; what is there keeps its meaning."""
    _execute_each(_UP)


def downgrade() -> None:
    """Narrow the tables again: runs without a response go, and of several responses only the primary one stays."""
    _execute_each(_DOWN)


def _execute_each(statements: str) -> None:
    # asyncpg prepares what it runs, and a prepared statement is one statement.
    for statement in statements.split(";"):
        if statement.strip():
            op.execute(statement)
