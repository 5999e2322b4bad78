"""What the two clients share: every call is written once, as a coroutine.

The async client awaits the coroutine. The blocking client runs it to its end at once: on a blocking connection nothing
in it ever waits, so it needs no event loop and no other thread, and an interrupt reaches it as it would any function.
"""

from collections.abc import Callable, Coroutine
from functools import partial, wraps
from threading import Lock
from typing import Any, Concatenate, Generic, ParamSpec, TypeVar, cast

P = ParamSpec("P")
R = TypeVar("R")
S = TypeVar("S")


def result_of(coroutine: Coroutine[Any, Any, R]) -> R:
    """Run a coroutine that never waits, and return its result.

    Raises:
        RuntimeError: If the coroutine waits for an event loop; it is closed then.
    """
    try:
        coroutine.send(None)
    except StopIteration as end:
        return cast("R", end.value)
    finally:
        coroutine.close()
    raise RuntimeError(f"{coroutine!r} waits for an event loop")


def awaited(method: Callable[Concatenate[Any, P], R]) -> Callable[Concatenate[Any, P], Coroutine[Any, Any, R]]:
    """Return a method of the blocking client for the async client: the same arguments, and a result to await.

    The method passes its coroutine to ``self._do``, which returns the result in one client and the coroutine in the
    other.
    """

    @wraps(method)
    async def call(self: Any, *args: P.args, **kwargs: P.kwargs) -> R:
        return await cast("Coroutine[Any, Any, R]", method(self, *args, **kwargs))

    return cast("Callable[Concatenate[Any, P], Coroutine[Any, Any, R]]", call)


def awaited_as(
    returned: type[S], method: Callable[Concatenate[Any, P], Any]
) -> Callable[Concatenate[Any, P], Coroutine[Any, Any, S]]:
    """Like ``awaited``, for a method that returns an object of another class in the async client."""
    return cast("Callable[Concatenate[Any, P], Coroutine[Any, Any, S]]", awaited(method))


class AwaitedSelf(Generic[P]):
    """Like ``awaited``, for a method that returns the object that it was called on."""

    def __init__(self, method: Callable[Concatenate[Any, P], Any]) -> None:
        self._method = awaited(method)
        self.__doc__ = method.__doc__

    def __get__(self, instance: S, _owner: type[S]) -> Callable[P, Coroutine[Any, Any, S]]:
        """Bind the method to an object."""
        return partial(self._method, instance)


class BlockingLock:
    """A lock between threads that a coroutine of the blocking client takes; it never waits for an event loop."""

    def __init__(self) -> None:
        self._lock = Lock()

    async def __aenter__(self) -> None:
        self._lock.acquire()

    async def __aexit__(self, *_error: object) -> None:
        self._lock.release()
