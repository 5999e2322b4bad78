"""What the tools say and return, and how they confirm: on a service in memory, by the SDK's own client."""

import json
from uuid import uuid4

import httpx2
import pytest
from fake_service import SPACE, problem, suggestion
from mcp import Client as AgentClient
from mcp.types import ElicitResult

from autotune.agents.reach import Reach
from autotune.agents.server import server_of
from autotune.client import Client

BROWNIES = {"name": "brownies", "covars": SPACE}


@pytest.fixture
def server(service):
    return server_of(Reach(Client(service.connection()), "mcp"), "0.1.0")


@pytest.fixture
def named(service, experiment):
    """The uuid of an experiment, of which nothing is taken."""
    uuid = str(experiment.exp_uuid)
    hold(service, uuid)
    return uuid


def hold(service, exp_uuid, *held):
    """Let the overview of an experiment have these suggestions."""
    service.overviews[exp_uuid] = {
        "experiment": service.experiments[exp_uuid], "suggestions": list(held), "changes": [], "seqs": [],
        "responses": {"Response": []}, "failed": [], "excluded": [], "modelled": [],
    }  # fmt: skip


async def called(server, tool, **arguments):
    async with AgentClient(server) as client:
        return await client.call_tool(tool, arguments)


async def refusal(server, tool, **arguments):
    result = await called(server, tool, **arguments)
    assert result.is_error
    return result.content[0].text


async def test_each_tool_says_what_it_takes_returns_and_changes(server):
    async with AgentClient(server) as client:
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
    assert set(tools) == {
        "list_experiments", "describe_experiment", "best", "predict", "insights", "draw", "ask", "tell", "fail",
        "report", "stopped", "abandon", "withdraw_candidates", "new_experiment",
    }  # fmt: skip
    assert all(tool.description and tool.output_schema for tool in tools.values())
    undescribed = [
        f"{name}.{argument}"
        for name, tool in tools.items()
        for argument, schema in tool.input_schema["properties"].items()
        if not schema.get("description")
    ]
    assert undescribed == []
    reading = {name for name, tool in tools.items() if tool.annotations.read_only_hint}
    assert reading == {"list_experiments", "describe_experiment", "best", "predict", "insights", "draw"}


@pytest.mark.parametrize(
    ("tool", "arguments", "said"),
    [
        ("tell", {"response": 1, "respons": 2}, "tell does not take respons; it takes: experiment, suggestion_uuid"),
        (
            "tell",
            {"suggestion_uuid": str(uuid4())},
            "response: is missing; a run that gave no response is told with fail",
        ),
        ("tell", {"suggestion_uuid": "7", "response": 1}, "suggestion_uuid: must be a uuid (given: '7')"),
        ("tell", {"suggestion_uuid": str(uuid4()), "response": "3"}, "response: must be a number (given: '3')"),
        ("tell", {"suggestion_uuid": str(uuid4()), "response": True}, "response: must be a number"),
        ("withdraw_candidates", {}, "rows: must be given, or having in its place"),
        ("withdraw_candidates", {"rows": [1], "having": {"bottle": "A"}}, "in its place, and not both"),
        ("withdraw_candidates", {"rows": [0]}, "rows.0: must be at least 1 (given: 0)"),
        ("ask", {"n": 0}, "n: must be at least 1 (given: 0)"),
        ("predict", {"configurations": []}, "configurations: must not be empty"),
        ("predict", {"configurations": [{"x": None}]}, "configurations.0.x: must be a number or a text"),
        ("draw", {"kind": "pie"}, "kind: must be 'history', 'slice'"),
        ("draw", {"kind": "history", "x": "minutes"}, "x is 'minutes'; a picture of the kind history takes response"),
        ("draw", {"kind": "contour"}, "need two covariates"),
        (
            "new_experiment",
            {"experiment": BROWNIES, "confirmation": "1-2"},
            "confirmation: is not that of this experiment",
        ),
        (
            "new_experiment",
            {"experiment": {"name": "b", "covars": {"x": {"vtype": "cont", "guess": 5, "min": 0, "max": 1}}}},
            "experiment.covars.x.guess: guess must lie between min and max, 0.0 to 1.0 (given: 5.0)",
        ),
    ],
)
async def test_wrong_call_is_refused_by_field_value_and_what_is_allowed(server, named, tool, arguments, said):
    own = {} if tool == "new_experiment" else {"experiment": named}
    assert said in await refusal(server, tool, **own, **arguments)


async def test_experiment_is_found_by_its_name_unless_several_have_it(server, client, named):
    assert (await called(server, "best", experiment="brownies")).is_error is False
    assert "did you mean 'brownies'?" in await refusal(server, "best", experiment="brownie")
    other = client.new("brownies", SPACE)
    assert str(other.exp_uuid) in await refusal(server, "best", experiment="brownies")


async def test_service_that_is_away_is_said_without_a_traceback(service, server, named):
    service.trouble("POST /experiment/ask", *[httpx2.ConnectError("refused")] * 50)
    said = await refusal(server, "ask", experiment=named)
    assert "cannot reach the service at http://autotune.test" in said
    assert "AUTOTUNE_URL" in said


async def test_tell_whose_reply_was_lost_is_told_once(service, server, named):
    suggested = suggestion(state="leased", worker="mcp")
    service.suggestions[suggested["suggestion_uuid"]] = suggested
    service.lose("POST /experiment/tell", 1)
    run = {"experiment": named, "suggestion_uuid": suggested["suggestion_uuid"], "response": 2.0}
    told = await called(server, "tell", **run)
    assert not told.structured_content["was_told_before"]
    assert [one["response"] for one in service.runs] == [2.0]


async def test_tell_that_somebody_else_told_meanwhile_returns_what_is_stored(service, server, named, experiment):
    # The suggestion is told between the look at it and the tell.
    suggested = suggestion(state="leased", worker="mcp")
    service.suggestions[suggested["suggestion_uuid"]] = suggested
    other = {"covars": {"x": 0.5}, "response": 2.0, "suggestion_uuid": suggested["suggestion_uuid"]}

    def told_meanwhile():
        service._tell(service.experiments[named], other)
        return problem(409, "already_told", "it has its observation")

    service.trouble("POST /experiment/tell", told_meanwhile)
    told = await called(server, "tell", experiment=named, suggestion_uuid=suggested["suggestion_uuid"], response=2.0)
    assert told.structured_content["was_told_before"]
    assert len(service.runs) == 1


async def test_covariate_that_was_not_active_in_the_run_is_not_told(service, server, client):
    gamma = {"vtype": "cont", "guess": 0.5, "min": 0.0, "max": 1.0, "active_if": {"kernel": "rbf"}}
    kernel = {"vtype": "cat", "guess": "rbf", "options": ["rbf", "linear"]}
    named = str(client.new("kernels", {"kernel": kernel, "gamma": gamma}).exp_uuid)
    suggested = suggestion(state="leased", worker="mcp", covars={"kernel": "rbf", "gamma": 0.7})
    service.suggestions[suggested["suggestion_uuid"]] = suggested
    run = {"experiment": named, "suggestion_uuid": suggested["suggestion_uuid"]}
    told = await called(server, "tell", **run, response=2.0, covars={"kernel": "linear"})
    assert told.structured_content["run"]["covars"] == {"kernel": "linear"}


async def test_run_that_could_not_be_tagged_is_stored_all_the_same(service, server, named):
    suggested = suggestion(state="leased", worker="mcp")
    service.suggestions[suggested["suggestion_uuid"]] = suggested
    service.trouble(f"POST /experiment/{named}/observation", problem(403, "forbidden", "no notes here"))
    told = await called(server, "tell", experiment=named, suggestion_uuid=suggested["suggestion_uuid"], response=2.0)
    assert told.is_error is False
    assert "the run is stored, but does not have the tag mcp" in told.content[0].text
    assert len(service.runs) == 1


async def test_held_suggestions_are_returned_where_no_more_are_to_be_had(service, server, named):
    held = suggestion(state="leased", worker="mcp")
    hold(service, named, held, suggestion(state="leased", worker="another"), suggestion(state="open"))
    service.trouble("POST /experiment/ask", problem(409, "experiment_stopped", "the budget is used up"))
    asked = await called(server, "ask", experiment=named, n=2)
    assert [one["suggestion_uuid"] for one in asked.structured_content["suggestions"]] == [held["suggestion_uuid"]]
    assert "No more: the budget is used up" in asked.content[0].text


async def test_held_suggestion_with_other_fixed_values_is_not_meant(service, server, named):
    held = suggestion(state="leased", worker="mcp", fixed={"x": 0.1})
    hold(service, named, held)
    asked = await called(server, "ask", experiment=named, fixed={"x": 0.2})
    (taken,) = asked.structured_content["suggestions"]
    assert (taken["covars"], asked.structured_content["n_held_before"]) == ({"x": 0.2}, 0)


@pytest.mark.parametrize("mode", ["auto", "legacy"])
@pytest.mark.parametrize(
    ("answered", "n_created"),
    [
        (ElicitResult(action="accept", content={"create": True}), 1),
        (ElicitResult(action="accept", content={"create": False}), 0),
        (ElicitResult(action="decline"), 0),
        (ElicitResult(action="cancel"), 0),
    ],
)
async def test_client_that_can_ask_asks_the_user_for_the_confirmation(service, server, mode, answered, n_created):
    questions = []

    async def ask_user(_context, parameters):
        questions.append(parameters.message)
        return answered

    async with AgentClient(server, mode=mode, elicitation_callback=ask_user) as client:
        result = await client.call_tool("new_experiment", {"experiment": BROWNIES})
    assert len(questions) == 1
    assert "x: 0 to 1; first 0.5" in questions[0]
    assert result.structured_content["is_created"] == bool(n_created)
    assert result.structured_content["confirmation"] is None
    assert service.n_calls("POST /experiment/new") == n_created


async def test_confirmation_is_of_one_description_and_creates_it_once(service, server):
    shown = await called(server, "new_experiment", experiment=BROWNIES)
    assert service.n_calls("POST /experiment/new") == 0
    code = shown.structured_content["confirmation"]
    changed = {**BROWNIES, "name": "cakes"}
    assert "is not that of this experiment" in await refusal(
        server, "new_experiment", experiment=changed, confirmation=code
    )
    for _ in range(2):
        await called(server, "new_experiment", experiment=BROWNIES, confirmation=code)
    assert [one["name"] for one in service.experiments.values()] == ["brownies"]
    shown = await called(server, "new_experiment", experiment=BROWNIES)
    await called(server, "new_experiment", experiment=BROWNIES, confirmation=shown.structured_content["confirmation"])
    assert len(service.experiments) == 2


async def test_picture_without_a_renderer_is_vega_lite(server, named, monkeypatch):
    monkeypatch.setattr("autotune.pictures.picture._converter", lambda: None)
    drawn = await called(server, "draw", experiment=named, kind="importance")
    resource = drawn.content[1].resource
    assert resource.mime_type == "application/vnd.vegalite.v5+json"
    assert json.loads(resource.text)["$schema"].endswith("v5.json")


async def test_crash_of_a_tool_shows_the_model_nothing_of_it(server, named, monkeypatch):
    def crash(_self, _named):
        raise RuntimeError("at_secret_of_the_user")

    monkeypatch.setattr(Reach, "experiment", crash)
    assert await refusal(server, "best", experiment=named) == "Error executing tool best"


async def test_run_reports_and_is_stopped_once(service, server, named):
    service.stops_below = 0.5
    held = suggestion(worker="mcp", state="leased")
    service.suggestions[held["suggestion_uuid"]] = held
    run = {"experiment": named, "suggestion_uuid": held["suggestion_uuid"]}
    good, bad = [
        await called(server, "report", **run, step=step, value=value) for step, value in ((1, 0.75), (2, 0.25))
    ]
    assert (good.content[0].text, good.structured_content["should_stop"]) == ("Go on with the run.", False)
    assert bad.content[0].text == "Stop the run: 0.25 is too little."
    stored, again = [await called(server, "stopped", **run) for _ in range(2)]
    assert (stored.structured_content["run"]["stopped_step"], len(service.runs)) == (2, 1)
    assert again.structured_content["was_told_before"]
    assert "was told already" in await refusal(server, "stopped", **run, step=7)
