import asyncio
from threading import Event, current_thread

from autotune.transport.loop import BackgroundLoop


def test_loop_runs_on_a_thread_of_its_own():
    loop, names = BackgroundLoop(), []

    async def note() -> None:
        names.append(current_thread().name)

    loop.submit(note()).result(5)
    loop.close()
    assert names == ["autotune"]


def test_loop_cancels_what_runs_when_it_is_closed():
    loop, started, ended = BackgroundLoop(), Event(), Event()

    async def forever() -> None:
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    loop.submit(forever())
    assert started.wait(5)
    loop.close()
    assert ended.is_set()


def test_loop_can_be_closed_twice():
    loop = BackgroundLoop()
    loop.submit(asyncio.sleep(0)).result(5)
    loop.close()
    loop.close()


def test_loop_starts_no_thread_before_it_is_needed():
    loop = BackgroundLoop()
    assert loop._thread is None
    loop.close()
