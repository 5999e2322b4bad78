"""Leases that end, requests that are answered once, versions of observations, traces and the epoch of the event log.

Revision ID: 0003
"""

from alembic import op

revision = "0003"
down_revision = "0002"

_UP = """
ALTER TABLE suggestions
    ADD COLUMN lease_by text,
    ADD COLUMN lease_until timestamptz,
    ADD COLUMN abandoned_because text;
ALTER TABLE suggestions
    DROP CONSTRAINT suggestions_state_check,
    ADD CONSTRAINT suggestions_state_check
        CHECK (state IN ('open', 'leased', 'told', 'abandoned', 'expired', 'superseded'));
CREATE INDEX suggestions_leased ON suggestions (lease_until) WHERE state = 'leased';
CREATE INDEX suggestions_abandoned ON suggestions (exp_uuid, data_rev) WHERE state = 'abandoned';
ALTER TABLE experiments ADD COLUMN fitted_at timestamptz NOT NULL DEFAULT now();
DROP INDEX experiments_with_work;
CREATE INDEX experiments_with_work ON experiments (fitted_at)
    WHERE state = 'active' AND stopped IS NULL AND (data_rev > fit_rev OR n_open < n_wanted);
ALTER TABLE observations
    ADD COLUMN version integer NOT NULL DEFAULT 1,
    ADD COLUMN is_excluded boolean NOT NULL DEFAULT false;
CREATE INDEX observations_of_suggestion ON observations (suggestion_uuid) WHERE suggestion_uuid IS NOT NULL;
CREATE TABLE observation_versions (
    observation_uuid uuid NOT NULL REFERENCES observations (observation_uuid) ON DELETE CASCADE,
    version integer NOT NULL,
    exp_uuid uuid NOT NULL REFERENCES experiments ON DELETE CASCADE,
    covars json NOT NULL,
    response double precision,
    responses json NOT NULL,
    sds json NOT NULL,
    status text NOT NULL,
    is_excluded boolean NOT NULL,
    reason text,
    user_uuid uuid,
    seq bigint NOT NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (observation_uuid, version)
);
CREATE INDEX observation_versions_of_experiment ON observation_versions (exp_uuid, seq);
CREATE TABLE answered_requests (
    user_uuid uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    key text NOT NULL,
    body_hash bytea NOT NULL,
    status integer,
    answer text NOT NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (user_uuid, key)
);
CREATE INDEX answered_requests_by_age ON answered_requests (created_at);
CREATE INDEX sessions_by_age ON sessions (expires_at);
CREATE INDEX refresh_tokens_by_age ON refresh_tokens (expires_at);
ALTER TABLE events ADD COLUMN traceparent text;
CREATE TABLE log_epoch (epoch uuid NOT NULL);
INSERT INTO log_epoch VALUES (gen_random_uuid())
"""

_DOWN = """
DROP TABLE log_epoch;
ALTER TABLE events DROP COLUMN traceparent;
DROP INDEX refresh_tokens_by_age;
DROP INDEX sessions_by_age;
DROP TABLE answered_requests;
DROP TABLE observation_versions;
DROP INDEX observations_of_suggestion;
ALTER TABLE observations
    DROP COLUMN version,
    DROP COLUMN is_excluded;
DROP INDEX experiments_with_work;
ALTER TABLE experiments DROP COLUMN fitted_at;
CREATE INDEX experiments_with_work ON experiments (updated_at)
    WHERE state = 'active' AND stopped IS NULL AND (data_rev > fit_rev OR n_open < n_wanted);
DROP INDEX suggestions_abandoned;
DROP INDEX suggestions_leased;
UPDATE suggestions SET state = 'superseded' WHERE state IN ('abandoned', 'expired');
ALTER TABLE suggestions
    DROP CONSTRAINT suggestions_state_check,
    ADD CONSTRAINT suggestions_state_check CHECK (state IN ('open', 'leased', 'told', 'superseded')),
    DROP COLUMN lease_by,
    DROP COLUMN lease_until,
    DROP COLUMN abandoned_because
"""


def upgrade() -> None:
    """Widen the tables; suggestions that were taken before stay taken until they are told or abandoned.

    The new columns have defaults, as a service of the version before may still write while another starts.
    """
    _execute_each(_UP)


def downgrade() -> None:
    """Narrow the tables again: former versions of observations go, and excluded ones count as before."""
    _execute_each(_DOWN)


def _execute_each(statements: str) -> None:
    # asyncpg prepares what it runs, and a prepared statement is one statement.
    for statement in statements.split(";"):
        if statement.strip():
            op.execute(statement)
