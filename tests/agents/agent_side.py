"""An agent's side: the SDK's own client on a server in this process, with a token of the user."""

from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

from mcp import Client as AgentClient
from mcp.types import CallToolResult, TextContent
from pydantic import SecretStr

from autotune.agents.reach import Reach
from autotune.agents.server import server_of
from autotune.client import Client
from autotune.transport.connection import Connection
from autotune.transport.credentials import Credentials
from autotune.transport.http import Http
from autotune.transport.tokens import TokenSource


@asynccontextmanager
async def agent(url: str, token: str, *only: UUID, name: str = "mcp", timeout_s: float = 30.0):
    http = Http(url)
    connection = Connection(http, TokenSource(http, Credentials(token=SecretStr(token))), timeout_s)
    server = server_of(Reach(Client(connection), name, only), "0.1.0")
    try:
        async with AgentClient(server) as client:
            yield client
    finally:
        connection.close()


async def call(client: AgentClient, tool: str, **arguments: Any) -> tuple[Any, str]:
    """Call a tool that is to succeed, and give its data and its text."""
    result = await client.call_tool(tool, arguments)
    assert not result.is_error, text_of(result)
    return result.structured_content, text_of(result)


async def refusal(client: AgentClient, tool: str, **arguments: Any) -> str:
    """Call a tool that is to be refused, and give what the model is told."""
    result = await client.call_tool(tool, arguments)
    assert result.is_error, result
    assert result.structured_content is None
    text = text_of(result)
    assert "Traceback" not in text
    return text


def text_of(result: CallToolResult) -> str:
    block = result.content[0]
    assert isinstance(block, TextContent)
    return block.text
