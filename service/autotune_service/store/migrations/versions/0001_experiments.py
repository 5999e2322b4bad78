"""Users, experiments, suggestions, observations and events.

Revision ID: 0001
"""

from alembic import op

revision = "0001"
down_revision = None

_UP = """
CREATE TABLE users (
    user_uuid uuid PRIMARY KEY,
    email text NOT NULL UNIQUE,
    password_hash text NOT NULL,
    is_active boolean NOT NULL,
    created_at timestamptz NOT NULL
);
CREATE TABLE refresh_tokens (
    token_hash bytea PRIMARY KEY,
    user_uuid uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    expires_at timestamptz NOT NULL
);
CREATE INDEX refresh_tokens_of_user ON refresh_tokens (user_uuid);
CREATE TABLE sessions (
    session_uuid uuid PRIMARY KEY,
    user_uuid uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    expires_at timestamptz NOT NULL
);
CREATE INDEX sessions_of_user ON sessions (user_uuid);
CREATE TABLE experiments (
    exp_uuid uuid PRIMARY KEY,
    number bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
    owner_uuid uuid NOT NULL REFERENCES users,
    name text NOT NULL,
    description text NOT NULL,
    covars json NOT NULL,
    model_type text NOT NULL,
    acq_func text NOT NULL,
    direction text NOT NULL CHECK (direction IN ('maximize', 'minimize')),
    seed bigint NOT NULL,
    state text NOT NULL CHECK (state IN ('active', 'closed')),
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    last_seq bigint NOT NULL,
    n_observations bigint NOT NULL,
    best_observation_uuid uuid,
    best_response double precision,
    best_covars json,
    data_rev bigint NOT NULL,
    fit_rev bigint NOT NULL,
    n_open integer NOT NULL CHECK (n_open >= 0),
    n_wanted integer NOT NULL,
    lease_token uuid,
    lease_by text,
    lease_until timestamptz,
    retry_at timestamptz
);
CREATE INDEX experiments_of_owner ON experiments (owner_uuid, number DESC);
CREATE INDEX experiments_with_work ON experiments (updated_at)
    WHERE state = 'active' AND (data_rev > fit_rev OR n_open < n_wanted);
CREATE TABLE suggestions (
    suggestion_uuid uuid PRIMARY KEY,
    exp_uuid uuid NOT NULL REFERENCES experiments ON DELETE CASCADE,
    seq bigint NOT NULL,
    state text NOT NULL CHECK (state IN ('open', 'leased', 'told', 'superseded')),
    covars json NOT NULL,
    source text NOT NULL,
    reason text NOT NULL,
    mean double precision,
    sd double precision,
    data_rev bigint NOT NULL,
    created_at timestamptz NOT NULL,
    UNIQUE (exp_uuid, seq)
);
CREATE INDEX suggestions_pending ON suggestions (exp_uuid, seq) WHERE state IN ('open', 'leased');
CREATE TABLE observations (
    exp_uuid uuid NOT NULL REFERENCES experiments ON DELETE CASCADE,
    seq bigint NOT NULL,
    observation_uuid uuid NOT NULL UNIQUE,
    suggestion_uuid uuid REFERENCES suggestions,
    covars json NOT NULL,
    response double precision NOT NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (exp_uuid, seq)
);
CREATE UNIQUE INDEX observation_of_suggestion ON observations (suggestion_uuid) WHERE suggestion_uuid IS NOT NULL;
CREATE TABLE events (
    exp_uuid uuid NOT NULL REFERENCES experiments ON DELETE CASCADE,
    seq bigint NOT NULL,
    type text NOT NULL,
    created_at timestamptz NOT NULL,
    data json NOT NULL,
    PRIMARY KEY (exp_uuid, seq)
);
"""

_DOWN = """
DROP TABLE events;
DROP TABLE observations;
DROP TABLE suggestions;
DROP TABLE experiments;
DROP TABLE sessions;
DROP TABLE refresh_tokens;
DROP TABLE users;
"""


def upgrade() -> None:
    """Make the tables."""
    _execute_each(_UP)


def downgrade() -> None:
    """Drop the tables, and all that is in them."""
    _execute_each(_DOWN)


def _execute_each(statements: str) -> None:
    # asyncpg prepares what it runs, and a prepared statement is one statement.
    for statement in statements.split(";"):
        if statement.strip():
            op.execute(statement)
