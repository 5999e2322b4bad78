"""Export an experiment as a document, and import such a document of this service or of another one."""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from datetime import UTC, datetime
from importlib.metadata import version
from tempfile import TemporaryFile
from typing import IO
from uuid import UUID, uuid4

from autotune_service.domain.limits import DEFAULT_LIMITS, Limits
from autotune_service.store.database import Store
from autotune_service.store.rows.portable import read_candidates_json, read_experiment_json, read_lists_json
from autotune_service.tuning.imports.messages import Checked, Rows
from autotune_service.tuning.imports.process import read_apart
from autotune_service.tuning.imports.rows import rows_of
from autotune_service.tuning.imports.storing import store_import
from autotune_service.tuning.once import ALWAYS, Once
from autotune_wire.experiments import Experiment
from autotune_wire.portable import FORMAT

_VERY_SHORT = 16 * 1024
"""Bytes of a document that is read at once; a longer one is read by another process."""


async def export_experiment(store: Store, user_uuid: UUID, exp_uuid: UUID) -> AsyncGenerator[bytes, None]:
    """Yield all that is stored of a user's experiment at one moment, as the JSON of an ``ExperimentExport``.

    A transaction is open until the last piece has been taken: take them without waiting for anybody.

    Raises:
        NotFoundError: If the user has no such experiment.
    """
    async with store.work(is_snapshot=True) as work:
        experiment = await read_experiment_json(work, exp_uuid, user_uuid)
        made = {
            "format": FORMAT,
            "autotune_version": version("autotune-bo"),
            "time_exported": datetime.now(UTC).isoformat(),
        }
        # Postgres wrote the rows as JSON: joining these texts keeps every digit and costs no parsing.
        yield f'{json.dumps(made)[:-1]},"experiment":{experiment}'.encode()
        before: str | None = None
        async for name, rows in read_lists_json(work, exp_uuid):
            if name == before:
                yield f",{rows}".encode()
            else:
                yield f'{"" if before is None else "]"},"{name}":[{rows}'.encode()
            before = name
        yield b"]"
        is_begun = False
        async for rows in read_candidates_json(work, exp_uuid):
            start = "," if is_begun else ',"candidates":['
            yield f"{start}{rows}".encode()
            is_begun = True
        yield b"]}" if is_begun else b"}"


async def import_experiment(
    store: Store, user_uuid: UUID, text: bytes, once: Once = ALWAYS, limits: Limits = DEFAULT_LIMITS
) -> Experiment:
    """Store a short document as a new experiment of the user, with new uuids and the same seqs.

    Args:
        text: The JSON of an ``ExperimentExport``.

    Raises:
        MalformedError: If the text is not valid JSON.
        InvalidError: If a field is not valid, or the parts of the document do not fit together.
        LimitReachedError: If the user has as many experiments as are allowed, or the document has too many
            observations.
    """
    await once.begin_alone(store)
    exp_uuid = uuid4()
    if len(text) <= _VERY_SHORT:
        messages = list(rows_of(text, user_uuid, exp_uuid))
        return await store_import(store, user_uuid, exp_uuid, _each(messages), once, limits)
    with TemporaryFile() as file:
        await asyncio.to_thread(_write, file, text)
        async with aclosing(read_apart(file, user_uuid, exp_uuid)) as apart:
            return await store_import(store, user_uuid, exp_uuid, apart, once, limits)


def _write(file: IO[bytes], text: bytes) -> None:
    file.write(text)
    file.flush()  # the other process reads it


async def _each(messages: list[Checked | Rows]) -> AsyncIterator[Checked | Rows]:
    for message in messages:
        yield message
