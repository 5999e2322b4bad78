"""Engine processes that are killed over and over: who waits for them hears why, and nothing else suffers."""

import threading
import time

import psutil

from support import GUESS, SPACE

SAYS = "was killed (SIGKILL): the machine may be out of memory"


class Killer:
    """Kills the children of a process as soon as they are there, as a machine without memory does."""

    def __init__(self, pid):
        self._parent = psutil.Process(pid)
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._kill)

    def __enter__(self):
        self._thread.start()

    def __exit__(self, *_):
        self._is_over.set()
        self._thread.join()

    def _kill(self):
        while not self._is_over.wait(0.02):
            for child in self._parent.children():
                child.kill()


def test_engine_that_is_killed_at_every_fit_is_told_at_once_with_what_comes_next(
    start_service, start_worker, database_url
):
    database = {"AUTOTUNE_DATABASE_URL": database_url}
    service, worker = start_service("--no-worker", **database), start_worker(**database)
    with service.client() as client:
        exp_uuid = client.post("/experiment/new", json={"name": "e", "covars": SPACE, "seed": 1}).json()["exp_uuid"]
        ask, tell = f"/experiment/ask/{exp_uuid}", f"/experiment/tell/{exp_uuid}"
        with Killer(worker.pid):
            client.post(tell, json={"covars": GUESS, "response": 1.0})
            began = time.monotonic()
            replies = [client.get(ask), client.post(ask, json={"n": 2}), client.get(f"/experiment/{exp_uuid}/insights")]
            replies.append(client.post(ask, json={"n": 1, "fixed": {"color": "red"}}))
            waited_s = time.monotonic() - began
        for reply in replies:
            assert reply.status_code == 503
            assert SAYS in reply.json()["detail"]
        assert waited_s < 4 * 15  # each ask waits for 20 s where it hears nothing
        for reply, words in zip(replies, ["it is tried again", "it is tried again", "", "ask again"], strict=True):
            assert reply.json()["code"] == "engine_failing" or not words, reply.text
            assert f"{words} in {reply.headers['Retry-After']} s" in reply.json()["detail"] or not words
            assert 1 <= int(reply.headers["Retry-After"]) <= 30
        client.post(tell, json={"covars": GUESS, "response": 2.0})
        suggested = _asked(client, ask)
    assert suggested["data_rev"] == 2


def _asked(client, ask):
    for _ in range(10):
        reply = client.get(ask)
        if reply.status_code == 200:
            return reply.json()["suggestions"][0]
        time.sleep(int(reply.headers["Retry-After"]))
    raise AssertionError(reply.text)
