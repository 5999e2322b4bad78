"""Those who tell and those who watch while processes come and go behind them, and what they saw of that."""

import asyncio
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack, suppress
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import httpx2
from lab_stack import Stack

from autotune import aconnect, connect
from autotune.transport.backoff import MOST_REFUSED
from autotune_wire.base import IDEMPOTENCY_HEADER
from autotune_wire.frames import Event
from processes import wait_until
from support import GUESS, PASSWORD, SPACE

WITHIN_S = 900
"""How long a step may take; the full form does hundreds of tells in one."""
LATER = {429, 502, 503, 504}
"""Statuses with which a request may be sent again as it is."""


class Watchers:
    """Follow an experiment by the async client, all in one event loop, as dashboards and panels do.

    Attributes:
        events: What each of them has seen, in the order in which it came.
        failures: What ended one of them.
    """

    def __init__(self, stack: Stack, email: str, exp_uuid: UUID, n: int) -> None:
        self._stack, self._email, self._exp_uuid = stack, email, exp_uuid
        self.events: list[list[Event]] = [[] for _ in range(n)]
        self.failures: list[BaseException] = []
        self._loop = asyncio.new_event_loop()
        self._stopped = asyncio.Event()
        self._thread = threading.Thread(target=lambda: self._loop.run_until_complete(self._run()), daemon=True)
        self._thread.start()
        wait_until(lambda: self.failures or all(self.events), WITHIN_S)

    @property
    def n_resets(self) -> int:
        """How often a watcher was told that the service has another log by now."""
        return sum(event.type == "reset" for seen in self.events for event in seen)

    def wait_for(self, seq: int) -> None:
        """Wait until each has seen the event with a seq."""
        wait_until(lambda: self.failures or all(seen[-1].seq >= seq for seen in self.events), WITHIN_S)

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._stopped.set)
        self._thread.join(WITHIN_S)

    async def _run(self) -> None:
        try:
            async with aconnect(self._stack.nginx.url, username=self._email, password=PASSWORD) as client:
                experiment = await client.experiment(self._exp_uuid)

                async def watch(seen: list[Event]) -> None:
                    async for event in experiment.events():
                        seen.append(event)  # noqa: PERF401 -- others look at the list while it grows

                watching = [asyncio.ensure_future(watch(seen)) for seen in self.events]
                stopped = asyncio.ensure_future(self._stopped.wait())
                await asyncio.wait([*watching, stopped], return_when=asyncio.FIRST_COMPLETED)
                for task in [*watching, stopped]:
                    task.cancel()
                ended = await asyncio.gather(*watching, return_exceptions=True)
                self.failures += [one for one in ended if not isinstance(one, asyncio.CancelledError) and one]
        except Exception as error:  # noqa: BLE001 -- what it was is told to who waits
            self.failures.append(error)


class Teller(threading.Thread):
    """Tells distinct responses, one after the other, until it is ended.

    Attributes:
        told: The responses that were acknowledged.
        failure: What ended it, if anything did.
    """

    def __init__(self, tell: Callable[[float], object], number: int) -> None:
        super().__init__(daemon=True)
        self.told: list[float] = []
        self.failure: BaseException | None = None
        self._tell, self._number = tell, number
        self._is_ended = False
        self.start()

    def run(self) -> None:
        try:
            while not self._is_ended:
                time.sleep(0.02)  # others need the processors, too
                response = float(10_000 * self._number + len(self.told))
                self._tell(response)
                self.told.append(response)
        except BaseException as error:  # noqa: BLE001 -- what it was is told to who waits
            self.failure = error

    def end(self) -> None:
        self._is_ended = True
        self.join(WITHIN_S)
        assert not self.is_alive()


class Robot:
    """Tells by bare HTTP: it repeats what may be repeated, and fetches another token where one is refused.

    Attributes:
        answers: How often each status came, and each kind of error where none did.
    """

    def __init__(self, browser: httpx2.Client, email: str, exp_uuid: UUID) -> None:
        self._browser, self._url = browser, f"/experiment/tell/{exp_uuid}"
        self.answers: Counter[str] = Counter()
        reply = self._again(lambda: browser.post("/auth/token", data={"username": email, "password": PASSWORD}))
        self._tokens = reply.json()

    def tell(self, response: float) -> None:
        key, body = uuid4().hex, {"covars": GUESS, "response": response}
        for n_refused in range(MOST_REFUSED):
            headers = {"Authorization": f"Bearer {self._tokens['access_token']}", IDEMPOTENCY_HEADER: key}
            reply = self._again(partial(self._browser.post, self._url, json=body, headers=headers))
            if reply.status_code == 202:
                return
            assert reply.status_code == 401, reply.text
            if n_refused % 2 == 1:  # a fresh token may have come to a replica of another version
                continue
            refresh = {"refresh_token": self._tokens["refresh_token"]}
            renewed = self._again(partial(self._browser.post, "/auth/refresh", json=refresh))
            assert renewed.status_code == 200, renewed.text
            self._tokens = renewed.json()
        raise AssertionError("each new token was refused")

    def read(self, path: str) -> httpx2.Response:
        """Fetch something as the user, once."""
        headers = {"Authorization": f"Bearer {self._tokens['access_token']}"}
        return self._browser.get(path, headers=headers)

    def get(self, path: str) -> Any:
        """Fetch something as the user, and return its JSON."""
        reply = self._again(lambda: self.read(path))
        assert reply.status_code == 200, reply.text
        return reply.json()

    def _again(self, send: Callable[[], httpx2.Response]) -> httpx2.Response:
        while True:
            with suppress(httpx2.TransportError):
                reply = send()
                self.answers[str(reply.status_code)] += 1
                if reply.status_code not in LATER:
                    return reply
                time.sleep(0.05)
                continue
            self.answers["no reply"] += 1
            time.sleep(0.05)


class Reader(threading.Thread):
    """Reads again and again by bare HTTP, and repeats nothing.

    Attributes:
        answers: How often each status came, and each kind of error where none did.
        longest_s: How long it had to wait at most.
    """

    def __init__(self, read: Callable[[], httpx2.Response]) -> None:
        super().__init__(daemon=True)
        self.answers: Counter[str] = Counter()
        self.longest_s = 0.0
        self._read = read
        self._stopped = threading.Event()
        self.start()

    def run(self) -> None:
        while not self._stopped.wait(0.1):
            began = time.monotonic()
            try:
                self.answers[str(self._read().status_code)] += 1
            except httpx2.TransportError as error:
                self.answers[repr(error)] += 1
            self.longest_s = max(self.longest_s, time.monotonic() - began)

    def end(self) -> None:
        self._stopped.set()
        self.join(WITHIN_S)


class Crowd:
    """Two who tell, one by the client and one by bare HTTP, one who reads and many who watch, all through nginx.

    Attributes:
        exp_uuid: The experiment.
        robot: The one who tells by bare HTTP.
        watchers: Those who watch.
        reader: The one who reads.
    """

    def __init__(self, stack: Stack, email: str, n_watchers: int) -> None:
        with ExitStack() as ending:
            client = ending.enter_context(
                connect(stack.nginx.url, username=email, password=PASSWORD, timeout_s=WITHIN_S)
            )
            self._experiment = client.new("in a crowd", SPACE, seed=1)
            self.exp_uuid = self._experiment.exp_uuid
            self.watchers = Watchers(stack, email, self.exp_uuid, n_watchers)
            ending.callback(self.watchers.stop)
            self.robot = Robot(ending.enter_context(stack.browser()), email, self.exp_uuid)
            self.reader = Reader(lambda: self.robot.read(f"/experiment/{self.exp_uuid}"))
            ending.callback(self.reader.end)
            self.tellers = [
                Teller(partial(self._experiment.tell, GUESS), 1),
                Teller(self.robot.tell, 2),
            ]
            self._ending = ending.pop_all()

    def wait_for_tells(self, n: int) -> None:
        """Wait until each teller has told so many more."""
        goals = [len(teller.told) + n for teller in self.tellers]

        def is_told() -> bool:
            self.check_nobody_failed()
            return all(len(teller.told) >= goal for teller, goal in zip(self.tellers, goals, strict=True))

        wait_until(is_told, WITHIN_S)

    def check_nobody_failed(self) -> None:
        """Raise what a client could not bear by trying again."""
        for failure in [*self.watchers.failures, *(teller.failure for teller in self.tellers)]:
            if failure is not None:
                raise AssertionError("somebody saw an error that cannot be retried") from failure

    def end(self) -> list[float]:
        """Have all tellers end, and the watchers see all that was told; return what was told."""
        for teller in self.tellers:
            teller.end()
        self.reader.end()
        self._last_seq = self.robot.get(f"/experiment/{self.exp_uuid}")["last_seq"]
        self.watchers.wait_for(self._last_seq)
        self.check_nobody_failed()
        return [response for teller in self.tellers for response in teller.told]

    def close(self) -> None:
        """Leave."""
        for teller in self.tellers:
            teller.end()
        self._ending.close()

    def check_nothing_is_lost(self, told: list[float]) -> None:
        """Compare what was acknowledged with what is stored, and with what each of the watchers saw."""
        stored = [one.response for one in self._experiment.observations()]
        assert Counter(stored) == Counter(told)
        for seen in self.watchers.events:
            seq = 0
            for event in seen:
                assert event.type == "reset" or event.seq == seq + 1
                seq = event.seq
            assert seq >= self._last_seq  # what the engine adds afterwards may have come, too
