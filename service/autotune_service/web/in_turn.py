"""Each request of a user gets its turn after it has passed the door, and before anything of its body is read."""

from quart import Quart, Response, g, request

from autotune_service.domain.access import Caller
from autotune_service.live.turns import Turn
from autotune_service.web.blueprints.rules import rule_of
from autotune_service.web.services import services
from autotune_wire import paths

_SLOW_BODIES = frozenset({paths.EXPERIMENT_IMPORT})
"""What takes minutes to arrive: a request in flight, but none that others of its user wait for."""
_ADDING = frozenset(
    rule_of(path)
    for path in (
        paths.EXPERIMENT_NEW,
        paths.EXPERIMENT_IMPORT,
        paths.EXPERIMENT_ASK,
        paths.EXPERIMENT_TELL,
        paths.EXPERIMENT_REPORT,
        paths.EXPERIMENT_OBSERVATION,
        paths.EXPERIMENT_NOTE,
        paths.EXPERIMENT_RENAME,
        paths.EXPERIMENT_SPACE,
    )
)
"""What makes experiments grow; where their owner has used the share, they may still be closed and deleted."""


def take_turns(app: Quart) -> None:
    """Have every request of a user wait for its turn, and end the turn when its response is made.

    Call this after ``hang_door``, which finds out whose request it is.
    """
    app.before_request(_take_turn)
    app.after_request(_end_turn)
    app.teardown_request(_end_abandoned)


async def _take_turn() -> None:
    sender: Caller | None = g.get("caller")
    if sender is None:
        return
    g.turn = turn = services().turns.begin(sender.user_uuid)
    if request.path not in _SLOW_BODIES:
        await turn.take()
    rule = None if request.url_rule is None else request.url_rule.rule
    if request.method == "POST" and rule in _ADDING:
        exp_uuid = (request.view_args or {}).get("exp_uuid")
        await services().stored.require_room(services().store, sender.user_uuid, exp_uuid)


async def _end_turn(response: Response) -> Response:
    _end()
    return response


async def _end_abandoned(_: BaseException | None) -> None:
    _end()  # as of a client that hung up: there is no response then


def _end() -> None:
    turn: Turn | None = g.pop("turn", None)
    if turn is not None:
        turn.end()
