import asyncio
import inspect

import pytest

from autotune.transport.coroutines import AwaitedSelf, awaited, result_of


def test_coroutine_that_never_waits_is_run_to_its_end():
    async def inner() -> int:
        return 2

    async def outer() -> int:
        return 3 * await inner()

    assert result_of(outer()) == 6


def test_error_of_a_coroutine_is_raised():
    async def fails() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        result_of(fails())


def test_coroutine_that_waits_is_closed_and_refused():
    coroutine = asyncio.sleep(0)
    with pytest.raises(RuntimeError, match="waits for an event loop"):
        result_of(coroutine)
    assert inspect.getcoroutinestate(coroutine) == inspect.CORO_CLOSED


class _Blocking:
    def name(self, first: str, *, last: str = "") -> str:
        """Return a name."""
        return self._do(_joined(first, last))

    def again(self) -> "_Blocking":
        return self._do(_joined("x", ""))

    def _do(self, coroutine):
        return result_of(coroutine)


class _Awaiting:
    name = awaited(_Blocking.name)
    again = AwaitedSelf(_Blocking.again)

    def _do(self, coroutine):
        return coroutine


async def _joined(first: str, last: str) -> str:
    return f"{first} {last}".strip()


async def test_awaited_method_takes_the_same_arguments_and_is_described_alike():
    assert _Blocking().name("Ada", last="L") == await _Awaiting().name("Ada", last="L") == "Ada L"
    assert inspect.signature(_Awaiting.name) == inspect.signature(_Blocking.name)
    assert _Awaiting.name.__doc__ == "Return a name."
    assert inspect.iscoroutinefunction(_Awaiting.name)
    assert await _Awaiting().again() == "x"
