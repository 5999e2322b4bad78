"""People and what they may: accounts, sessions, roles, groups, tokens, the audit, and what each user has used.

Revision ID: 0007
"""

from alembic import op

revision = "0007"
down_revision = "0006"

_UP = """
ALTER TABLE users
    ADD COLUMN is_admin boolean NOT NULL DEFAULT false,
    ADD COLUMN deleted_at timestamptz;
CREATE INDEX users_by_age ON users (created_at, user_uuid);
CREATE INDEX users_to_delete ON users (deleted_at) WHERE deleted_at IS NOT NULL;
CREATE TABLE sign_in_pots (
    name text PRIMARY KEY,
    used double precision NOT NULL,
    level integer NOT NULL,
    changed_at timestamptz NOT NULL,
    signed_in_at timestamptz
);
CREATE INDEX sign_in_pots_by_age ON sign_in_pots (changed_at);
CREATE TABLE invitations (
    code_hash bytea PRIMARY KEY,
    email text NOT NULL,
    invited_by uuid,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL
);
CREATE TABLE reset_codes (
    code_hash bytea PRIMARY KEY,
    user_uuid uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    issued_by uuid,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL
);
CREATE INDEX reset_codes_of_user ON reset_codes (user_uuid);
ALTER TABLE users ADD COLUMN is_verified boolean NOT NULL DEFAULT true;
ALTER TABLE sessions
    ADD COLUMN is_browser boolean NOT NULL DEFAULT true,
    ADD COLUMN created_at timestamptz NOT NULL DEFAULT now(),
    ADD COLUMN ended_because text;
ALTER TABLE refresh_tokens
    ADD COLUMN session_uuid uuid REFERENCES sessions ON DELETE CASCADE,
    ADD COLUMN used_at timestamptz,
    ADD COLUMN next_hash bytea;
CREATE INDEX refresh_tokens_by_session ON refresh_tokens (session_uuid);
CREATE TABLE groups (
    group_uuid uuid PRIMARY KEY,
    owner_uuid uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    name text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (owner_uuid, name)
);
CREATE TABLE group_members (
    group_uuid uuid NOT NULL REFERENCES groups ON DELETE CASCADE,
    email text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (group_uuid, email)
);
CREATE INDEX group_members_by_email ON group_members (email);
CREATE TABLE members (
    exp_uuid uuid NOT NULL REFERENCES experiments ON DELETE CASCADE,
    email text,
    group_uuid uuid REFERENCES groups ON DELETE CASCADE,
    role text NOT NULL CHECK (role IN ('viewer', 'teller', 'editor')),
    created_at timestamptz NOT NULL DEFAULT now(),
    CHECK ((email IS NULL) <> (group_uuid IS NULL)),
    UNIQUE (exp_uuid, email),
    UNIQUE (exp_uuid, group_uuid)
);
CREATE INDEX members_by_email ON members (email) WHERE email IS NOT NULL;
CREATE INDEX members_by_group ON members (group_uuid) WHERE group_uuid IS NOT NULL;
CREATE TABLE automation_tokens (
    token_uuid uuid PRIMARY KEY,
    user_uuid uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    name text NOT NULL,
    token_hash bytea NOT NULL UNIQUE,
    scopes json NOT NULL,
    experiments json,
    created_at timestamptz NOT NULL,
    expires_at timestamptz,
    last_used_at timestamptz
);
CREATE INDEX automation_tokens_of_user ON automation_tokens (user_uuid);
CREATE TABLE tickets (
    ticket_hash bytea PRIMARY KEY,
    session_uuid uuid REFERENCES sessions ON DELETE CASCADE,
    token_uuid uuid REFERENCES automation_tokens ON DELETE CASCADE,
    expires_at timestamptz NOT NULL
);
CREATE TABLE refused_sign_ins (
    user_uuid uuid PRIMARY KEY REFERENCES users ON DELETE CASCADE,
    n integer NOT NULL,
    since timestamptz NOT NULL
);
CREATE TABLE audit (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at timestamptz NOT NULL,
    user_uuid uuid,
    email text,
    way text NOT NULL,
    address text,
    action text NOT NULL,
    exp_uuid uuid,
    data json NOT NULL,
    account_uuid uuid,
    account text
);
CREATE INDEX audit_of_experiment ON audit (exp_uuid, number) WHERE exp_uuid IS NOT NULL;
CREATE INDEX audit_of_user ON audit (user_uuid, number);
CREATE INDEX audit_of_account ON audit (account_uuid, number) WHERE account_uuid IS NOT NULL;
CREATE TABLE engine_use (
    user_uuid uuid PRIMARY KEY REFERENCES users ON DELETE CASCADE,
    seconds double precision NOT NULL,
    counted_at timestamptz NOT NULL
);
ALTER TABLE experiments
    ADD COLUMN is_long boolean NOT NULL DEFAULT false,
    ADD COLUMN n_bytes bigint NOT NULL DEFAULT 0;
CREATE INDEX experiments_claimed ON experiments (owner_uuid) WHERE lease_token IS NOT NULL;
ALTER TABLE questions
    ADD COLUMN is_long boolean NOT NULL DEFAULT false,
    ADD COLUMN asked_by uuid,
    ADD COLUMN asked_until timestamptz;
CREATE INDEX questions_asked_by ON questions (asked_by);
ALTER TABLE answered_requests ADD COLUMN parts bytea[];
CREATE TABLE reply_parts (
    user_uuid uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    hash bytea NOT NULL,
    text text NOT NULL,
    kept_at timestamptz NOT NULL,
    PRIMARY KEY (user_uuid, hash)
);
CREATE INDEX reply_parts_by_age ON reply_parts (kept_at);
CREATE TABLE kept_replies (
    user_uuid uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    hour timestamptz NOT NULL,
    n_replies bigint NOT NULL,
    n_bytes bigint NOT NULL,
    PRIMARY KEY (user_uuid, hour)
);
UPDATE experiments SET n_bytes = last_seq * 1000
"""

# A restore that replaces the tables drops them and leaves the function.
_REFUSE = """
CREATE OR REPLACE FUNCTION refuse_to_change_audit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'rows of the audit are never changed or deleted' USING ERRCODE = 'integrity_constraint_violation';
END
$$
"""
_GUARD = """
CREATE TRIGGER audit_stays BEFORE UPDATE OR DELETE OR TRUNCATE ON audit
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_to_change_audit()
"""

_DOWN = """
DELETE FROM answered_requests WHERE parts IS NOT NULL;
DROP TABLE engine_use, reply_parts, kept_replies;
DROP INDEX experiments_claimed;
ALTER TABLE experiments DROP COLUMN is_long, DROP COLUMN n_bytes;
ALTER TABLE questions DROP COLUMN is_long, DROP COLUMN asked_by, DROP COLUMN asked_until;
ALTER TABLE answered_requests DROP COLUMN parts;
DROP TABLE audit;
DROP FUNCTION IF EXISTS refuse_to_change_audit();
DROP TABLE refused_sign_ins;
DROP TABLE tickets;
DROP TABLE automation_tokens;
DROP TABLE members;
DROP TABLE group_members;
DROP TABLE groups;
DELETE FROM refresh_tokens WHERE used_at IS NOT NULL;
DROP INDEX refresh_tokens_by_session;
ALTER TABLE refresh_tokens DROP COLUMN session_uuid, DROP COLUMN used_at, DROP COLUMN next_hash;
DELETE FROM sessions WHERE ended_because IS NOT NULL OR NOT is_browser;
ALTER TABLE sessions DROP COLUMN is_browser, DROP COLUMN created_at, DROP COLUMN ended_because;
ALTER TABLE users DROP COLUMN is_verified;
DROP TABLE reset_codes;
DROP TABLE invitations;
DROP TABLE sign_in_pots;
DROP INDEX users_by_age;
ALTER TABLE users DROP COLUMN is_admin, DROP COLUMN deleted_at
"""


def upgrade() -> None:
    """Add the tables and columns.

    A service of before makes users who are no admins, and counts nothing; of the bytes of before there is an estimate:
    1 kB an event. It takes a refresh token by deleting its row, and gives the new one no session; this version opens a
    session for such a token when it comes. A token that was used has ended for both.
    """
    _execute_each(_UP)
    op.execute(_REFUSE)
    op.execute(_GUARD)


def downgrade() -> None:
    """Forget all of it, and the replies that are kept in parts, which services of before cannot put together.

    Browsers stay signed in. An account whose deletion was under way stays, locked out, with the experiments that are
    left.
    """
    _execute_each(_DOWN)


def _execute_each(statements: str) -> None:
    # asyncpg prepares what it runs, and a prepared statement is one statement.
    for statement in statements.split(";"):
        op.execute(statement)
