"""Processes for the tests of this folder."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from processes import ServiceProcess


@pytest.fixture
def start_service(tmp_path: Path) -> Iterator[Callable[..., ServiceProcess]]:
    """Start services that end with the test."""
    with ExitStack() as stack:

        def start(*arguments: str, data: Path | None = None, **variables: str) -> ServiceProcess:
            process = ServiceProcess(data or tmp_path / "data", *arguments, **variables)
            stack.callback(process.close)
            return process.start()

        yield start
