"""What each user has used of the service: seconds of the engine, bytes, replies that are kept.

Revision ID: 0009
"""

from alembic import op

revision = "0009"
down_revision = "0008"

_UP = """
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

_DOWN = """
DELETE FROM answered_requests WHERE parts IS NOT NULL;
DROP TABLE engine_use, reply_parts, kept_replies;
DROP INDEX experiments_claimed;
ALTER TABLE experiments DROP COLUMN is_long, DROP COLUMN n_bytes;
ALTER TABLE questions DROP COLUMN is_long, DROP COLUMN asked_by, DROP COLUMN asked_until;
ALTER TABLE answered_requests DROP COLUMN parts
"""


def upgrade() -> None:
    """Add them; services of before count nothing, and of the bytes of before there is an estimate: 1 kB an event."""
    _execute_each(_UP)


def downgrade() -> None:
    """Forget them, and the replies that are kept in parts, which services of before cannot put together."""
    _execute_each(_DOWN)


def _execute_each(statements: str) -> None:
    # asyncpg prepares what it runs, and a prepared statement is one statement.
    for statement in statements.split(";"):
        op.execute(statement)
