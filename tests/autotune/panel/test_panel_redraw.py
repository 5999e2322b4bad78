import asyncio
import contextvars
from threading import Thread

import pytest

from autotune.panel.redraw import Redraw

cell: contextvars.ContextVar[str] = contextvars.ContextVar("cell")


class Picture:
    """Notes every drawing, with the cell it belongs to."""

    def __init__(self) -> None:
        self.cells: list[str] = []
        self._drawings: asyncio.Queue[None] = asyncio.Queue()

    def draw(self) -> None:
        self.cells.append(cell.get("none"))
        self._drawings.put_nowait(None)

    async def drawn(self) -> list[str]:
        """Wait for the next drawing."""
        await asyncio.wait_for(self._drawings.get(), 5)
        return self.cells


def _in_a_thread(function) -> None:
    thread = Thread(target=function)
    thread.start()
    thread.join()


async def test_redraw_of_another_thread_draws_on_the_loop_in_the_context_of_the_cell():
    cell.set("the cell of the panel")
    picture = Picture()
    redraw = Redraw(picture.draw, pause_s=0)
    cell.set("another cell")
    _in_a_thread(redraw.request)
    assert await picture.drawn() == ["the cell of the panel"]


async def test_redraw_makes_one_of_a_burst():
    picture = Picture()
    redraw = Redraw(picture.draw, pause_s=0)
    _in_a_thread(lambda: [redraw.request() for _ in range(1000)])
    await picture.drawn()
    redraw.request()
    assert len(await picture.drawn()) == 2


async def test_redraw_draws_again_for_what_changes_while_it_draws():
    picture = Picture()

    def draw() -> None:
        picture.draw()
        if len(picture.cells) == 1:
            redraw.request()

    redraw = Redraw(draw, pause_s=0)
    redraw.request()
    await picture.drawn()
    assert len(await picture.drawn()) == 2


def test_redraw_needs_a_running_loop():
    with pytest.raises(RuntimeError):
        Redraw(lambda: None)


async def test_redraw_after_the_loop_is_closed_is_an_error():
    made = []

    async def make() -> None:
        made.append(Redraw(lambda: None))

    _in_a_thread(lambda: asyncio.run(make()))
    with pytest.raises(RuntimeError, match="closed"):
        made[0].request()
