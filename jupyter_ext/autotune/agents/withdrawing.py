"""The tool that takes rows of a list of candidates out, as when a bottle is empty, and brings them back."""

from typing import Annotated

from mcp.types import CallToolResult
from pydantic import BaseModel, Field

from autotune.agents.answers import Listed, answer
from autotune.agents.reach import Reach
from autotune.agents.reading import Named
from autotune.calls.candidates import change_rows
from autotune.errors import InvalidInputError
from autotune.transport.coroutines import result_of
from autotune.views.candidates import list_text
from autotune_wire.base import Name
from autotune_wire.candidates import MAX_CANDIDATES, CandidateList, Cell
from autotune_wire.problems import FieldProblem


class Withdrawn(BaseModel):
    """The list of an experiment, once rows were withdrawn or came back."""

    candidates: CandidateList
    experiment: Listed


class Withdrawing:
    """Withdraws and restores rows for an agent."""

    def __init__(self, reach: Reach) -> None:
        self._reach = reach

    def withdraw_candidates(
        self,
        experiment: Named,
        rows: Annotated[
            list[Annotated[int, Field(ge=1, le=MAX_CANDIDATES)]] | None,
            Field(min_length=1, description="The numbers of the rows, as suggestions have them."),
        ] = None,
        having: Annotated[
            dict[Name, Cell] | None,
            Field(min_length=1, description="In place of rows: values that all of them have, such as the bottle."),
        ] = None,
        restore: Annotated[bool, Field(description="Bring rows back that were withdrawn.")] = False,
    ) -> Annotated[CallToolResult, Withdrawn]:
        """Withdraw rows of the experiment's list that cannot be run any more, such as those of an empty bottle.

        Only what the user says is used up or back. What was told of a row stays; a suggestion that was taken can still
        be told, or given up with abandon. The same call again changes nothing.
        """
        if (rows is None) == (having is None):
            problem = FieldProblem(field="rows", message="must be given, or having in its place, and not both")
            raise InvalidInputError("this call is not valid:", [problem])
        found = self._reach.experiment(experiment)
        which = having if rows is None else rows
        seen = result_of(change_rows(found.connection, found.exp_uuid, which or {}, is_withdrawal=not restore))
        assert seen.candidates is not None
        found.state()
        data = Withdrawn(candidates=seen.candidates, experiment=Listed.of(found))
        return answer(f"{'Restored' if restore else 'Withdrawn'}. The list: {list_text(seen.candidates)}.", data)
