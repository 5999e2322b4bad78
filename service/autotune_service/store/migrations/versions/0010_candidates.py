"""Lists of candidates: the rows that an experiment's suggestions are taken from.

Revision ID: 0010
"""

from alembic import op

revision = "0010"
down_revision = "0009"

_UP = """
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
ALTER TABLE experiments ADD COLUMN candidates json;
ALTER TABLE suggestions ADD COLUMN candidate json;
ALTER TABLE observations ADD COLUMN candidate integer;
CREATE INDEX observations_of_candidate ON observations (exp_uuid, candidate) WHERE candidate IS NOT NULL
"""

_DOWN = """
ALTER TABLE observations DROP COLUMN candidate;
ALTER TABLE suggestions DROP COLUMN candidate;
ALTER TABLE experiments DROP COLUMN candidates;
DROP TABLE candidate_blocks
"""


def upgrade() -> None:
    """Add the table and the columns.

    A service of before knows no lists: it suggests any configuration, and what it tells is of no row.
    """
    for statement in _UP.split(";"):
        op.execute(statement)


def downgrade() -> None:
    """Forget the lists; an experiment with a list goes on with any configuration of its space."""
    for statement in _DOWN.split(";"):
        op.execute(statement)
