"""Creating users, over HTTP."""

from quart import Blueprint, request
from quart_schema import tag, validate_request, validate_response

from autotune_service.web.door import open_to_all
from autotune_service.web.proxies import client_address
from autotune_service.web.services import services
from autotune_wire import paths
from autotune_wire.accounts import Signup, User

blueprint = Blueprint("user", __name__)


@blueprint.post(paths.USER_SIGNUP)
@open_to_all
@tag(["user"])
@validate_request(Signup)
@validate_response(User, 201)
async def signup(data: Signup) -> tuple[User, int]:
    """Create an account. The reply is the same where the address has one already: sign in to see."""
    return await services().accounts.sign_up(data, client_address(request)), 201
