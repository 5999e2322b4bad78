"""Values and small steps that several tests take."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # the tests of pure code take values from here, and need no Quart
    from quart.typing import TestClientProtocol

SECRET = "mW4vT0qRz8LkYx2JdNs6HbPa1UcEf9Gi7oVt3KyQ"  # pragma: allowlist secret -- made up
PASSWORD = "correct horse battery"
UNKNOWN_UUID = "8d9f1f4e-5b0c-4b7e-9a51-2f1c0f0f7a11"
"""Nothing has it; tests that run side by side must have the same names."""
SPACE = {
    "v1": {"vtype": "int", "guess": 2, "min": 0, "max": 5},
    "color": {"vtype": "cat", "guess": "red", "options": ["red", "green", "blue"]},
    "weight": {"vtype": "cont", "guess": 6.6, "min": -3.0, "max": 200.0},
}
MANY_OPTIONS = {"vtype": "cat", "guess": "c0", "options": [f"c{k}" for k in range(72)]}
GUESS = {"v1": 2, "color": "red", "weight": 6.6}


def best_of(reply: Any) -> float | None:
    """Read the best response out of the frame that a tell is answered with."""
    (column,) = json.loads(reply.best_response).values()
    return column["0"]


async def make_experiment(client: "TestClientProtocol", headers: dict[str, str], **fields: Any) -> dict[str, Any]:
    """Create an experiment over the API and give its reply."""
    body = {"name": "brownies", "covars": SPACE, "seed": 1, **fields}
    reply = await client.post("/experiment/new", json=body, headers=headers)
    assert reply.status_code == 201, await reply.get_data(as_text=True)
    return await reply.get_json()


async def joined(pieces: AsyncIterator[bytes]) -> bytes:
    """Take all pieces of something and join them."""
    return b"".join([piece async for piece in pieces])


@asynccontextmanager
async def running(coroutine) -> AsyncIterator[None]:
    """Run something beside the block; cancelled at its end."""
    task = asyncio.ensure_future(coroutine)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


def run_cell(shell: Any, capsys: Any, text: str) -> tuple[str, bool]:
    """Run a whole cell in a shell of IPython as a notebook does; return what it shows and whether it succeeded."""
    result = shell.run_cell(text)
    shown = capsys.readouterr()
    return re.sub(r"\x1b\[[\d;]*m", "", shown.out + shown.err), result.success
