"""The rows of lists of candidates, in blocks, and which of them were run."""

from collections.abc import Iterable, Sequence
from uuid import UUID

import sqlalchemy as sa

from autotune_service.domain.candidates import Block, first_of, stored_block
from autotune_service.store.database import Work
from autotune_service.store.rows.bulk import insert_rows
from autotune_service.store.statements import Filled, Row, Statement
from autotune_service.store.tables import candidate_blocks, observations

_OF = candidate_blocks.c
_NAMES = ("exp_uuid", "first", "n", "covars", "details", "withdrawn", "keys")
# As text: it goes on to the engine as it is, and reading it here would cost more than all the rest.
_TEXTS = sa.select(
    _OF.first,
    _OF.n,
    sa.cast(_OF.covars, sa.Text).label("covars"),
    sa.cast(_OF.details, sa.Text).label("details"),
    _OF.withdrawn,
    _OF["keys"],
)
_OF_EXPERIMENT = _OF.exp_uuid == sa.bindparam("exp_uuid")
_LIST = Statement(
    _TEXTS.where(_OF_EXPERIMENT, _OF.first >= sa.bindparam("low"), _OF.first <= sa.bindparam("high")).order_by(
        _OF.first
    )
)
_HOLDING = Statement(
    _TEXTS.where(_OF_EXPERIMENT, _OF["keys"].op("&&")(sa.bindparam("sought", type_=sa.ARRAY(sa.BigInteger)))).order_by(
        _OF.first
    )
)
_TOLD = Statement(
    sa.select(observations.c.candidate, sa.func.count().label("n"))
    .where(
        observations.c.exp_uuid == sa.bindparam("exp_uuid"),
        observations.c.candidate >= sa.bindparam("low"),
        observations.c.candidate <= sa.bindparam("high"),
        sa.not_(observations.c.is_excluded),
    )
    .group_by(observations.c.candidate)
)
_LAST = 2**31 - 1


def insert_blocks(exp_uuid: UUID, blocks: Sequence[Block]) -> Filled:
    """Build the query that stores new blocks."""
    return insert_rows(candidate_blocks, _NAMES, [{"exp_uuid": exp_uuid, **stored_block(block)} for block in blocks])


async def replace_blocks(work: Work, exp_uuid: UUID, blocks: Sequence[Block]) -> None:
    """Store blocks, in place of those that begin with the same row."""
    firsts = [block.first for block in blocks]
    await work.run(sa.delete(candidate_blocks).where(_OF.exp_uuid == exp_uuid, _OF.first.in_(firsts)))
    await work.run(insert_blocks(exp_uuid, blocks))


async def update_withdrawn(work: Work, exp_uuid: UUID, first: int, withdrawn: Sequence[int]) -> None:
    """Set which rows of a block are withdrawn."""
    query = sa.update(candidate_blocks).where(_OF.exp_uuid == exp_uuid, _OF.first == first)
    await work.run(query.values(withdrawn=list(withdrawn)))


async def list_blocks(work: Work, exp_uuid: UUID, low: int = 1, high: int = _LAST) -> list[Block]:
    """List the blocks that have rows with numbers from ``low`` to ``high``, in order."""
    found = await work.all(_LIST(exp_uuid=exp_uuid, low=first_of(low), high=high))
    return [_block_of(row) for row in found]


async def list_blocks_of(work: Work, exp_uuid: UUID, numbers: Iterable[int]) -> list[Block]:
    """List the blocks that have rows of some numbers, in order."""
    firsts = sorted({first_of(number) for number in numbers})
    query = _TEXTS.where(_OF.exp_uuid == exp_uuid, _OF.first.in_(firsts)).order_by(_OF.first)
    return [_block_of(row) for row in await work.all(query)]


async def list_blocks_holding(work: Work, exp_uuid: UUID, keys: Sequence[int]) -> list[Block]:
    """List the blocks that have a row with one of some keys, in order."""
    return [_block_of(row) for row in await work.all(_HOLDING(exp_uuid=exp_uuid, sought=list(keys)))]


async def count_told(work: Work, exp_uuid: UUID, low: int = 1, high: int = _LAST) -> dict[int, int]:
    """Count the runs of each row of a list that count; rows without one are missing."""
    return {row["candidate"]: row["n"] for row in await work.all(_TOLD(exp_uuid=exp_uuid, low=low, high=high))}


def _block_of(row: Row) -> Block:
    return Block(**{name: row[name] for name in _NAMES[1:]})
