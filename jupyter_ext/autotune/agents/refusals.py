"""What an agent is told where a call was refused: which field, which value, what is allowed, and what to do."""

from mcp.server.mcpserver.exceptions import ToolError
from pydantic import ValidationError

from autotune.errors import (
    AutotuneError,
    ConnectionFailedError,
    ForbiddenError,
    InvalidInputError,
    UnauthenticatedError,
    notes_of,
)

_ADVICE: dict[type[AutotuneError], str] = {
    ForbiddenError: "Tell the user, who may give this server another token and start it again.",
    UnauthenticatedError: "Tell the user: this server needs another token (AUTOTUNE_TOKEN), and to be started again.",
    ConnectionFailedError: "Tell the user that the service is not reached at the address of AUTOTUNE_URL. Whether the "
    "call was carried out is not known: look with list_experiments before you repeat new_experiment; all other calls "
    "can be repeated.",
}


def refused(error: AutotuneError) -> ToolError:
    """Build the tool error for an error of the client, which holds no secret."""
    advice = [text for kind, text in _ADVICE.items() if isinstance(error, kind)]
    return ToolError("\n".join([str(error), *notes_of(error), *advice]))


def invalid_call(tool: str, error: ValidationError) -> ToolError:
    """Build the tool error for arguments that do not fit the tool's schema, in the words of the service."""
    return ToolError(str(InvalidInputError.of(f"this call of {tool}", error)))


def unknown_arguments(tool: str, unknown: list[str], known: list[str]) -> ToolError:
    """Build the tool error for arguments that the tool does not have; left out silently, a result could be lost."""
    return ToolError(f"{tool} does not take {', '.join(unknown)}; it takes: {', '.join(known)}")
