"""What is no value, no name and no JSON is refused alike on every way in, and changes nothing."""

import json
import math
from functools import partial

import pytest
import websockets.sync.client
from IPython.core.error import UsageError
from IPython.core.interactiveshell import InteractiveShell
from rounds import make
from traitlets.config import Config

from autotune import InvalidInputError, connect, load_ipython_extension
from autotune.widgets import Board, SuggestionCard
from autotune_wire.problems import CONTENT_TYPE
from processes import DEV_USER
from support import GUESS, SPACE

HUGE = 10**400
SAME = ("status", "code", "title", "errors")
NO_VALUES = [
    ("NaN", math.nan),
    ("Infinity", math.inf),
    ("-Infinity", -math.inf),
    ("1e999", math.inf),
    (str(HUGE), HUGE),
    ("true", True),
    ("null", None),
]
"""Each as JSON would have it, and as Python has it."""


@pytest.fixture
def service(start_service, database_url):
    return start_service("--no-worker", AUTOTUNE_DATABASE_URL=database_url)


@pytest.fixture
def shell(service, monkeypatch):
    for name, value in {"URL": service.url, **{name.upper(): value for name, value in DEV_USER.items()}}.items():
        monkeypatch.setenv(f"AUTOTUNE_{name}", value)
    shell = InteractiveShell(config=Config({"HistoryManager": {"enabled": False}}))
    load_ipython_extension(shell)
    return shell


def body_of(place, text):
    """A tell with something else in one place."""
    covars = {name: json.dumps(value) for name, value in GUESS.items()} | ({} if place == "response" else {place: text})
    pairs = ",".join(f'"{name}":{value}' for name, value in covars.items())
    return f'{{"covars":{{{pairs}}},"response":{text if place == "response" else 1}}}'


def answer_of(socket, frame):
    socket.send(frame)
    while True:
        answer = json.loads(socket.recv(timeout=10))
        if "id" in answer:
            return answer


def test_promise_11_what_is_no_value_is_refused_on_every_way(service, shell):
    with service.client() as client, connect(service.url, **DEV_USER) as own:
        exp_uuid = make(client)
        experiment = own.experiment(exp_uuid)
        shell.run_line_magic("autotune", f"use {exp_uuid}")
        url = f"{service.url.replace('http', 'ws')}/experiment/stream/{exp_uuid}?after=2"
        headers = {"Authorization": client.headers["Authorization"]}
        with websockets.sync.client.connect(url, additional_headers=headers) as socket:
            for place in ("response", "weight", "v1"):
                field = place if place == "response" else f"covars.{place}"
                for text, value in NO_VALUES:
                    body = body_of(place, text)
                    as_json = {"Content-Type": "application/json"}
                    reply = client.post(f"/experiment/tell/{exp_uuid}", content=body, headers=as_json)
                    assert reply.status_code in {400, 422}, (field, text)
                    problem = reply.json()
                    if reply.status_code == 422:
                        assert problem["errors"][0]["field"] == field
                    other = answer_of(socket, f'{{"op":"tell","id":1,{body[1:]}')["problem"]
                    assert [other[name] for name in SAME] == [problem[name] for name in SAME]
                    covars = GUESS if place == "response" else GUESS | {place: value}
                    response = value if place == "response" else 1.0
                    with pytest.raises(InvalidInputError, match=field):
                        experiment.tell(covars, response)
                    shell.user_ns.update(covars=covars, response=response)
                    with pytest.raises(UsageError, match=field):
                        shell.run_line_magic("autotune", "tell response covars")
        told = experiment.fail(GUESS)
        assert (told.status, told.response) == ("failed", None)
        assert client.get(f"/experiment/{exp_uuid}").json()["n_observations"] == 1


def test_promise_11_no_value_is_taken_by_correct_load_run_or_a_form(service, shell):
    with service.client() as client, connect(service.url, **DEV_USER) as own:
        exp_uuid = make(client)
        experiment = own.experiment(exp_uuid)
        told = experiment.tell(GUESS, 1.0)
        board = Board(experiment)
        run = partial(shell.run_line_magic, "autotune")
        # In a table and a form what says nothing is left out: there NaN and null are words for that.
        for text, value in NO_VALUES[:-1]:
            shell.user_ns.update(value=value, covars=GUESS | {"weight": value}, returns=lambda _, value=value: value)
            shell.user_ns["rows"] = [GUESS | {"Response": value}]
            run(f"use {exp_uuid}")
            lines = ["correct 1 value", "correct 1 1.0 covars", "fail covars"] + ["load rows"] * (text != "NaN")
            for line in lines:
                with pytest.raises(UsageError):
                    run(line)
            typed = "True" if value is True else text
            board.rows[0].cells["responses", "Response"].type_over(typed)
            board.fields["reason"].input.value = "a slip"
            board.press(board.save)
            fresh = own.experiment(make(client))
            card = SuggestionCard(fresh)
            card.fields["responses.Response"].input.value = typed
            card.press(card.told)
            run(f"use {fresh.exp_uuid}")
            with pytest.raises(UsageError):
                run("run returns 1")
            assert fresh.observations() == [], text
        assert [(one.observation_uuid, one.version) for one in experiment.observations()] == [
            (told.observation_uuid, 1)
        ]


V1 = json.dumps(SPACE["v1"])
NEW = '{{"name":{name},"covars":{covars}}}'
ONE = f'{{"a":{V1}}}'
BAD_TEXTS = [
    (NEW.format(name=f'"{"x" * 1_000_000}"', covars=ONE), "name"),
    (NEW.format(name='"x"', covars=f'{{"{"x" * 1_000_000}":{V1}}}'), "covars.xxx"),
    (NEW.format(name='"a\\u0000"', covars=ONE), "name"),
    (NEW.format(name='"x"', covars=f'{{"a\\u0000":{V1}}}'), "covars.a"),
    (NEW.format(name='"a\\ud800"', covars=ONE), "surrogate"),
    (NEW.format(name='"x"', covars=f'{{"\\udc00":{V1}}}'), "surrogate"),
    (NEW.format(name='"a\u202eb"', covars=ONE), "name"),
    (NEW.format(name='"x"', covars=f'{{"a\u2066":{V1}}}'), "covars.a"),
    (NEW.format(name='"a\\u001b[31m"', covars=ONE), "name"),
    (NEW.format(name='"x"', covars="{" + ",".join(f'"v{n}":{V1}' for n in range(10_000)) + "}"), "covars"),
    (NEW.format(name='"x"', covars='{"a":{"vtype":"cat","guess":"b","options":["b","c\\t"]}}'), "covars.a.options.1"),
    (NEW.format(name='"x","name":"y"', covars=ONE), "name"),
    (NEW.format(name='"x"', covars=f'{{"a":{V1},"a":{V1}}}'), "a twice"),
    (NEW.format(name='"x","nome":1', covars=ONE), "nome"),
    (NEW.format(name='"x"', covars=f'{{"a":{V1[:-1]},"stop":1}}}}'), "covars.a.stop"),
]
BAD_BYTES = [
    b'{"name":"\xff"}',
    '{"name":"x"}'.encode("utf-16"),
    b'\xef\xbb\xbf{"name":"x"}',
    b'{"name":"\xed\xa0\x80"}',
    b"[" * 300_000,
    b'{"a":' * 200_000,
    b"",
    b"\x00",
]


def test_promise_12_hostile_texts_and_bytes_are_refused_by_name(service):
    with service.client() as client:
        as_json = {"Content-Type": "application/json"}
        for body, says in [*((text.encode(), says) for text, says in BAD_TEXTS), *((raw, "") for raw in BAD_BYTES)]:
            reply = client.post("/experiment/new", content=body, headers=as_json)
            assert 400 <= reply.status_code < 500, body[:80]
            assert reply.headers["Content-Type"] == CONTENT_TYPE
            problem = reply.json()
            assert says in problem["detail"], body[:80]
            assert len(reply.content) < 10_000
        for name in ("שלום", "قهوة", "🍪", "👩\u200d🔬"):  # no harm is in a script or an emoji
            made = client.post("/experiment/new", json={"name": name, "covars": {name: SPACE["v1"]}}).json()
            assert (made["name"], list(made["covars"])) == (name, [name])
        assert len(client.get("/experiment/all").json()["experiments"]) == 4
