"""Each request of a user gets its turn before anything of its body is read."""

from uuid import UUID

from quart import Quart, Response, g, request
from quart_auth import current_user

from autotune_service.domain.errors import AutotuneError
from autotune_service.live.turns import Turn
from autotune_service.web.blueprints.rules import rule_of
from autotune_service.web.identity import bearer_token
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
        paths.EXPERIMENT_OBSERVATION,
        paths.EXPERIMENT_NOTE,
        paths.EXPERIMENT_RENAME,
        paths.EXPERIMENT_SPACE,
    )
)
"""What makes experiments grow; a user who has used the share may still close and delete them."""


def take_turns(app: Quart) -> None:
    """Have every request of a user wait for its turn, and end the turn when its response is made."""
    app.before_request(_take_turn)
    app.after_request(_end_turn)
    app.teardown_request(_end_abandoned)


async def _take_turn() -> None:
    user_uuid = await _sender()
    if user_uuid is not None:
        g.turn = turn = services().turns.begin(user_uuid)
        if request.path not in _SLOW_BODIES:
            await turn.take()
        rule = None if request.url_rule is None else request.url_rule.rule
        if request.method == "POST" and rule in _ADDING:
            await services().stored.require_room(services().store, user_uuid)


async def _sender() -> UUID | None:
    """Return who sent the request; None if nobody is signed in, of which the handler has to say what follows.

    Of a token only the signature is checked here, which needs no connection to the database.
    """
    accounts = services().accounts
    try:
        token = bearer_token(request)
        if token is not None:
            return accounts.access_tokens.user_of(token)
        if current_user.auth_id is not None:
            return (await accounts.user_of_session(UUID(current_user.auth_id))).user_uuid
    except (AutotuneError, ValueError):
        return None
    return None


async def _end_turn(response: Response) -> Response:
    _end()
    return response


async def _end_abandoned(_: BaseException | None) -> None:
    _end()  # as of a client that hung up: there is no response then


def _end() -> None:
    turn: Turn | None = g.pop("turn", None)
    if turn is not None:
        turn.end()
