"""Admins, the brake on sign-ins, invitations and codes that reset a password.

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
CREATE INDEX reset_codes_of_user ON reset_codes (user_uuid)
"""

_DOWN = """
DROP TABLE reset_codes;
DROP TABLE invitations;
DROP TABLE sign_in_pots;
DROP INDEX users_by_age;
ALTER TABLE users DROP COLUMN is_admin, DROP COLUMN deleted_at
"""


def upgrade() -> None:
    """Add the columns and tables; a service of before makes users who are no admins, and counts nothing."""
    _execute_each(_UP)


def downgrade() -> None:
    """Forget them. An account whose deletion was under way stays, locked out, with the experiments that are left."""
    _execute_each(_DOWN)


def _execute_each(statements: str) -> None:
    # asyncpg prepares what it runs, and a prepared statement is one statement.
    for statement in statements.split(";"):
        op.execute(statement)
