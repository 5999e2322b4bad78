"""No request of anybody holds up the event loop: a search over bodies of up to a megabyte, for every call with a body.

What is measured is processor time from one turn of the loop to the next, so that other processes of a busy machine do
not count: that of the loop's own thread, and that of the whole process, where a thread may hold up the loop. The latter
also counts what threads do while the loop waits for a processor, so it is only to be less than what nothing explains.
"""

import asyncio
import gc
import json
import time
from contextlib import asynccontextmanager
from itertools import chain

import pytest

from autotune_service.web.quart_app import create_app
from support import SECRET, make_experiment

LARGEST = 1_000_000
MOST_S = 0.25
MOST_OF_ALL_THREADS_S = 1.0
OPTIONS = [f"o{k:03d}" for k in range(1000)]
STEPS = {"vtype": "cat", "ordered": True, "guess": 999, "options": list(range(1000))}
CHOICE = {"vtype": "cat", "guess": "o000", "options": OPTIONS}
NUMBER = {"vtype": "cont", "guess": 0.5, "min": 0, "max": 1}
WIDE = {f"c{k}": NUMBER for k in range(100)}
FORM = "application/x-www-form-urlencoded"


def filled(head, member, tail):
    n = (LARGEST - len(head) - len(tail)) // (len(member) + 1)
    return (head + ",".join([member] * n) + tail).encode()


SHAPES = {
    "lists": filled('{"a":[', "[]", "]}"),
    "objects": filled('{"a":[', '{"b":1}', "]}"),
    "nests": filled('{"a":[', "[" * 100 + "]" * 100, "]}"),
    "names": ("{" + ",".join(f'"{k}":1' for k in range(90_000)) + "}").encode(),
    "long numbers": filled('{"a":[', "9" * 4000, "]}"),
    "blanks": b" " * (LARGEST - 2) + b"{}",
}
FORMS = {"fields": b"&".join(b"%d=1" % k for k in range(100_000)), "percent": b"username=" + b"%41" * 330_000}


def told(covars, n=1000):
    return {"observations": [{"covars": covars, "response": 1}] * n}


def conditions(values):
    child = {**NUMBER, "active_if": {"covariate": "p", "values": values}}
    return {"p": CHOICE} | {f"c{k}": child for k in range(99)}


def combinations(values):
    covars = {f"c{k}": STEPS for k in range(40)}
    return covars, [{"ctype": "forbidden", "combination": dict.fromkeys(covars, values)}] * 50


def new(covars, constraints=()):
    return {"name": "x", "covars": covars, "constraints": list(constraints)}


def hidden(options):
    return [f"\u202a{option}" for option in options]


def choices(n, **fields):
    return new({f"c{k}": CHOICE | fields for k in range(n)})


def sums(n):
    return [
        {"ctype": "linear", "weights": dict.fromkeys(WIDE, k + 0.1), "relation": "==", "bound": 7} for k in range(n)
    ]


DESCRIBED = {
    "options": choices(90),
    "options that are nothing": choices(90, options=[[]] * 1000),
    "options with hidden characters": choices(60, options=hidden(OPTIONS)),
    "covariates that are nothing": new({str(k): 1 for k in range(80_000)}),
    "conditions": new(conditions(OPTIONS)),
    "conditions on nothing": new(conditions([f"z{option}" for option in OPTIONS])),
    "combinations": new(*combinations(list(range(90)))),
    "combinations of one value": new(*combinations([999] * 90)),
    "sums": new(WIDE, sums(5)),
}
HEADER = ",".join([*WIDE, "Response"]) + "\n"
FORTY = [f"c{k}" for k in range(40)]
ONE_ROW = {str(k): {"0": 1} for k in range(50_000)}
RESPONSES = [{"Response": 1}] * 1000
TOLD = {
    "runs": ("wide", told(dict.fromkeys(WIDE, 0.5))),
    "runs outside": ("wide", told(dict.fromkeys(WIDE, 7.5), 300)),
    "values that are none": ("wide", told({name: [] for name in WIDE})),
    "unknown covariates": ("wide", told({str(k): 1 for k in range(100)})),
    "options that are last": ("steps", told(dict.fromkeys(FORTY, 999))),
    "table of numbers for texts": (
        "choices",
        {"covars_tell": [dict.fromkeys(FORTY, 5)] * 1000, "response_tell": RESPONSES},
    ),
    "table of lists": ("wide", {"covars_tell": [[]] * 300_000, "response_tell": RESPONSES}),
    "table of one long row": ("wide", {"covars_tell": ONE_ROW, "response_tell": RESPONSES[:1]}),
    "csv": ("wide", {"csv": HEADER + (",".join(["0.5"] * 101) + "\n") * 300}),
    "csv that is open": ("wide", {"csv": HEADER + (",".join(['"1,050"'] * 101) + "\n") * 900}),
    "csv of commas": ("wide", {"csv": HEADER + "," * 990_000}),
}


@pytest.fixture
async def places(app, headers):
    """The app as it is served, with experiments to ask about; gives the paths of its calls."""
    services = app.extensions["autotune"]
    large = create_app(services, secret=SECRET, is_https=False, max_body_bytes=2**20)
    client = large.test_client()
    spaces = {"wide": WIDE}
    spaces |= {"steps": {f"c{k}": STEPS for k in range(40)}, "choices": {f"c{k}": CHOICE for k in range(40)}}
    uuids = {name: (await make_experiment(client, headers, covars=space))["exp_uuid"] for name, space in spaces.items()}
    gc.collect()
    gc.freeze()  # as the service does when it has started, so that other tests leave it no garbage to look through
    yield client, uuids
    gc.unfreeze()


def requests(uuids):
    """Yield the name, path, body and content type of each request."""
    wide = uuids["wide"]
    calls = {
        "new": "/experiment/new",
        "tell": f"/experiment/tell/{wide}",
        "predict": f"/experiment/{wide}/predict",
        "space": f"/experiment/{wide}/space",
        "ask": f"/experiment/ask/{wide}",
        "import": "/experiment/import",
        "refresh": "/auth/refresh",
        "sign-up": "/user/signup",
    }
    for call, path in calls.items():
        for shape in SHAPES if call == "new" else ("names",):
            yield f"{call}: {shape}", path, SHAPES[shape], "application/json"
    for name, body in FORMS.items():
        yield f"form: {name}", "/auth/token", body, FORM
    others = {f"c{k}": {**CHOICE, "guess": "p0", "options": [f"p{i}" for i in range(1000)]} for k in range(40)}
    written = chain(
        ((f"new: {name}", calls["new"], body) for name, body in DESCRIBED.items()),
        ((f"tell: {name}", f"/experiment/tell/{uuids[of]}", body) for name, (of, body) in TOLD.items()),
        [("predict: wrong", calls["predict"], {"configurations": [dict.fromkeys(WIDE, "x")] * 900})],
        [("space: other options", f"/experiment/{uuids['choices']}/space", {"covars": others})],
    )
    for name, path, body in written:
        yield name, path, json.dumps(body, separators=(",", ":")).encode(), "application/json"


@asynccontextmanager
async def longest_turn():
    """Measure the longest times that the loop, and all threads together, worked between two turns of this task."""
    longest = [0.0, 0.0]

    async def measure():
        while True:
            loop, process = time.thread_time(), time.process_time()
            await asyncio.sleep(0.001)
            longest[0] = max(longest[0], time.thread_time() - loop)
            longest[1] = max(longest[1], time.process_time() - process)

    measuring = asyncio.create_task(measure())
    yield longest
    await asyncio.sleep(0)
    measuring.cancel()


async def test_promise_35_no_body_holds_up_the_event_loop(places, headers):
    client, uuids = places
    slow, broken = {}, {}
    for name, path, body, content_type in requests(uuids):
        assert len(body) < 2**20, name
        async with longest_turn() as longest:
            reply = await client.post(path, data=body, headers=headers | {"Content-Type": content_type})
        if longest[0] > MOST_S or longest[1] > MOST_OF_ALL_THREADS_S:
            slow[name] = longest
        if reply.status_code >= 500:
            broken[name] = reply.status_code
    assert not slow
    assert not broken
