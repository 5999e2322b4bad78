"""What a page pays for being live: frames of the browser and messages of the kernel while another client tells."""

import asyncio
import json
import struct
from collections import defaultdict
from pathlib import Path
from time import perf_counter, sleep
from typing import Any

import pages
import rounds

N_RUNS = 5000
RATE = 20
SECONDS = 20.0
LIMIT_MS, LIMIT_KB = 50, 20
_CELLS = {"panel": "close(); show(large.panel())", "board": "close(); show(Board(large))"}
_DRAWING = ("comm_msg", "comm_open", "display_data", "update_display_data")
_WATCH = """() => {
    window.frames_ms = []; window.tasks_ms = [];
    new PerformanceObserver(list => window.tasks_ms.push(...list.getEntries().map(entry => entry.duration)))
        .observe({type: 'longtask'});
    let last = performance.now();
    const frame = now => { window.frames_ms.push(now - last); last = now; requestAnimationFrame(frame); };
    requestAnimationFrame(frame); }"""
_TAKE = """() => {
    const found = [window.frames_ms, window.tasks_ms];
    window.frames_ms = []; window.tasks_ms = [];
    return found; }"""


class Heard:
    """The messages of the kernel that draw, by kind: the length of each in bytes, as it came over the websocket."""

    def __init__(self) -> None:
        self.lengths: dict[str, list[int]] = defaultdict(list)

    def socket(self, socket: Any) -> None:
        """Listen to a websocket of the page."""
        socket.on("framereceived", self._frame)

    def _frame(self, payload: bytes | str) -> None:
        kind = kind_of(payload)
        if kind in _DRAWING:
            self.lengths[kind].append(len(payload))

    def take(self) -> dict[str, list[int]]:
        """Return what was heard since the last call."""
        taken, self.lengths = self.lengths, defaultdict(list)
        return taken


def kind_of(payload: bytes | str) -> str:
    """Read the kind of a message: JSON, or parts behind their offsets (protocol v1.kernel.websocket.jupyter.org)."""
    if isinstance(payload, str):
        return str(json.loads(payload).get("header", {}).get("msg_type", ""))
    count = struct.unpack_from("<Q", payload)[0]
    offsets = struct.unpack_from(f"<{count}Q", payload, 8)
    return str(json.loads(payload[offsets[1] : offsets[2]])["msg_type"])  # the parts are channel, header, ...


async def measure(folder: Path) -> dict[str, list[float]]:
    """Measure the panel and the board of one experiment, and the same page while nothing happens."""
    heard = Heard()
    found: dict[str, list[float]] = {}
    async with pages.service(1, N_RUNS) as running:
        with pages.notebook(folder / "redrawing", running, *_CELLS.values()) as address:
            async with pages.opened(address, heard.socket) as shown:
                await shown.page.evaluate(_WATCH)
                for place, name in enumerate(_CELLS, start=1):
                    await shown.run(place)
                    await shown.page.wait_for_timeout(3000)
                    for is_told in (False, True):
                        what = f"{name}, {f'{RATE} tells a second' if is_told else 'nothing told'}"
                        found |= await _turn(shown.page, heard, running, what, is_told=is_told)
    return found


async def _turn(page: Any, heard: Heard, running: pages.Service, what: str, *, is_told: bool) -> dict[str, list[float]]:
    heard.take()
    await page.evaluate(_TAKE)
    began_s = perf_counter()
    n_told = await asyncio.to_thread(_tell, running) if is_told else await asyncio.sleep(SECONDS / 2, 0)
    seconds = perf_counter() - began_s
    frames_ms, tasks_ms = await page.evaluate(_TAKE)
    lengths = heard.take()
    found = {
        f"{what}: frame, {label}, ms": [rounds.percentile(frames_ms, percent)]
        for label, percent in (("median", 50), ("95 %", 95), ("99 %", 99), ("longest", 100))
    }
    found[f"{what}: longest task of the page above 50 ms, ms (0: none)"] = [max(tasks_ms, default=0.0)]
    if is_told:
        every = [length for of_kind in lengths.values() for length in of_kind]
        found[f"{what}: told a second"] = [n_told / seconds]
        found[f"{what}: messages, kB a second"] = [sum(every) / seconds / 1000]
        for kind, of_kind in sorted(lengths.items()):
            found[f"{what}: {kind}, messages a second"] = [len(of_kind) / seconds]
            found[f"{what}: {kind}, largest, kB"] = [max(of_kind) / 1000]
    return found


def _tell(running: pages.Service) -> int:
    """Tell at an even rate, and return how many runs were told; a tell that comes late does not wait."""
    began_s, number = perf_counter(), 0
    while (elapsed_s := perf_counter() - began_s) < SECONDS:
        if elapsed_s * RATE < number:
            sleep(number / RATE - elapsed_s)
        running.tell(number)
        number += 1
    return number
