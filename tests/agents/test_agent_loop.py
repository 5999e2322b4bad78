"""What an agent does in the user's name on a running service, and what is left of it there."""

import asyncio

import pytest
from agent_side import agent, call, refusal

SPACE = {
    "minutes": {"vtype": "int", "guess": 30, "min": 20, "max": 50, "unit": "min"},
    "oven": {"vtype": "cat", "guess": "a", "options": ["a", "b"]},
}


async def test_experiment_is_created_run_and_looked_at(service, token_of):
    described = {"name": "rye bread", "covars": SPACE, "seed": 1}
    async with agent(service.url, token_of("write")) as client:
        shown, text = await call(client, "new_experiment", experiment=described)
        assert not shown["is_created"]
        assert "minutes: 20 to 50 min; first 30" in text
        code = shown["confirmation"]
        created, _ = await call(client, "new_experiment", experiment=described, confirmation=code)
        named = created["experiment"]["exp_uuid"]
        again, _ = await call(client, "new_experiment", experiment=described, confirmation=code)
        assert again["experiment"]["exp_uuid"] == named

        for response in (3.0, 4.5, 2.0, 4.0):
            asked, _ = await call(client, "ask", experiment=named)
            (suggestion,) = asked["suggestions"]
            await call(
                client, "tell", experiment=named, suggestion_uuid=suggestion["suggestion_uuid"], response=response
            )
        best, text = await call(client, "best", experiment=named)
        assert best["responses"] == {"Response": 4.5}
        assert "4.5" in text
        (listed,) = [
            one for one in (await call(client, "list_experiments"))[0]["experiments"] if one["exp_uuid"] == named
        ]
        assert (listed["name"], listed["n_observations"], listed["best_response"]) == ("rye bread", 4, 4.5)

        predicted, _ = await call(
            client,
            "predict",
            experiment=named,
            configurations=[{"minutes": 31, "oven": "a"}, {"minutes": 90, "oven": "b"}],
        )
        inside, outside = predicted["predictions"]
        assert inside["why_not"] is None
        assert "from 20 to 50" in outside["why_not"]
        assert inside["predictions"]["Response"]["sd"] > 0

        learnt = await client.call_tool("insights", {"experiment": named, "pictures": True})
        assert learnt.structured_content["n_observations"] == 4
        assert [block.type for block in learnt.content[1:]] == ["image"] * len(learnt.structured_content["pictures"])
        drawn = await client.call_tool("draw", {"experiment": named, "kind": "history"})
        assert drawn.content[1].mime_type == "image/png"


async def test_run_bears_the_name_of_the_agent_and_so_does_its_lease(service, token_of, brownies):
    async with agent(service.url, token_of("tell"), name="bench") as client:
        named = str(brownies.exp_uuid)
        asked, text = await call(client, "ask", experiment=named)
        assert asked["suggestions"][0]["worker"] == "bench"
        uuid = asked["suggestions"][0]["suggestion_uuid"]
        assert uuid in text
        told, _ = await call(client, "tell", experiment=named, suggestion_uuid=uuid, response=3.0, sd=0.1)
    assert told["run"]["tags"] == ["bench"]
    (run,) = brownies.observations()
    assert (run.tags, run.response, run.sds, str(run.suggestion_uuid)) == (["bench"], 3.0, {"Response": 0.1}, uuid)


async def test_repeated_tell_stores_nothing_and_returns_the_first_run(service, token_of, brownies):
    async with agent(service.url, token_of("tell")) as client:
        named = str(brownies.exp_uuid)
        asked, _ = await call(client, "ask", experiment=named)
        run = {"experiment": named, "suggestion_uuid": asked["suggestions"][0]["suggestion_uuid"]}
        first, _ = await call(client, "tell", **run, response=3.0)
        second, text = await call(client, "tell", **run, response=3.0)
        assert (first["was_told_before"], second["was_told_before"]) == (False, True)
        assert first["run"] == second["run"]
        assert "nothing was stored a second time" in text
        other = await refusal(client, "tell", **run, response=4.0)
        assert "suggestion_uuid: was told already, with response 3" in other
        assert "Nothing was stored" in other
        assert "was told already" in await refusal(client, "fail", **run)
        assert "has its observation" in await refusal(client, "abandon", **run)
    assert [one.response for one in brownies.observations()] == [3.0]


async def test_calls_that_come_twice_at_once_are_done_once(service, token_of, brownies):
    async with agent(service.url, token_of("tell")) as client:
        named = str(brownies.exp_uuid)
        asked = await asyncio.gather(*(call(client, "ask", experiment=named) for _ in range(3)))
        (uuid,) = {suggestion["suggestion_uuid"] for data, _ in asked for suggestion in data["suggestions"]}
        run = {"experiment": named, "suggestion_uuid": uuid, "response": 3.0}
        told = [data for data, _ in await asyncio.gather(*(call(client, "tell", **run) for _ in range(3)))]
    assert sorted(data["was_told_before"] for data in told) == [False, True, True]
    assert len({data["run"]["observation_uuid"] for data in told}) == 1
    assert len(brownies.observations()) == 1


async def test_run_that_the_user_took_back_can_be_told_again(service, token_of, brownies):
    async with agent(service.url, token_of("tell")) as client:
        named = str(brownies.exp_uuid)
        asked, _ = await call(client, "ask", experiment=named)
        run = {"experiment": named, "suggestion_uuid": asked["suggestions"][0]["suggestion_uuid"]}
        await call(client, "tell", **run, response=3.0)
        brownies.undo()
        told, _ = await call(client, "tell", **run, response=3.0)
        assert not told["was_told_before"]
    assert [(one.response, one.is_excluded) for one in brownies.observations()] == [(3.0, True), (3.0, False)]


async def test_ask_again_returns_what_is_held_and_takes_only_what_is_missing(service, token_of, brownies):
    async with agent(service.url, token_of("tell")) as client:
        named = str(brownies.exp_uuid)
        one, _ = await call(client, "ask", experiment=named)
        both, text = await call(client, "ask", experiment=named, n=2)
        assert both["n_held_before"] == 1
        assert both["suggestions"][0]["suggestion_uuid"] == one["suggestions"][0]["suggestion_uuid"]
        assert len({suggestion["suggestion_uuid"] for suggestion in both["suggestions"]}) == 2
        assert text.startswith("Taken before")
        other, _ = await call(client, "ask", experiment=named, worker="second oven")
        assert other["n_held_before"] == 0
        assert other["suggestions"][0]["worker"] == "mcp: second oven"
        described, text = await call(client, "describe_experiment", experiment=named)
        pending = {suggestion["suggestion_uuid"] for suggestion in described["suggestions"]}
        assert {suggestion["suggestion_uuid"] for suggestion in both["suggestions"]} <= pending
        assert "taken by mcp: second oven" in text


async def test_failed_run_says_why_and_an_abandoned_suggestion_is_replaced(service, token_of, brownies):
    async with agent(service.url, token_of("tell")) as client:
        named = str(brownies.exp_uuid)
        asked, _ = await call(client, "ask", experiment=named)
        first = asked["suggestions"][0]["suggestion_uuid"]
        failed, _ = await call(client, "fail", experiment=named, suggestion_uuid=first, reason="burnt")
        assert (failed["run"]["status"], failed["run"]["failed_because"]) == ("failed", "burnt")
        asked, _ = await call(client, "ask", experiment=named)
        second = asked["suggestions"][0]["suggestion_uuid"]
        given_up, _ = await call(client, "abandon", experiment=named, suggestion_uuid=second, reason="no flour")
        assert given_up["suggestion"]["state"] == "abandoned"
        asked, _ = await call(client, "ask", experiment=named)
        assert asked["suggestions"][0]["suggestion_uuid"] not in {first, second}


async def test_run_that_differed_from_its_suggestion_is_told_as_it_was(service, token_of, brownies):
    async with agent(service.url, token_of("tell")) as client:
        named = str(brownies.exp_uuid)
        asked, _ = await call(client, "ask", experiment=named)
        uuid = asked["suggestions"][0]["suggestion_uuid"]
        told, text = await call(
            client, "tell", experiment=named, suggestion_uuid=uuid, response=1.0, covars={"minutes": 55}
        )
    assert told["run"]["covars"] == {"minutes": 55, "oven": "a"}
    assert "To check with the user: " in text  # 55 is beyond the range
    assert "55" in told["notes"][0]


@pytest.mark.parametrize(
    ("scope", "tool", "arguments", "missing"),
    [
        ("read", "ask", {}, "tell"),
        ("read", "tell", {"suggestion_uuid": "8d9f1f4e-5b0c-4b7e-9a51-2f1c0f0f7a11", "response": 1.0}, "tell"),
    ],
)
async def test_refusal_says_which_scope_is_missing(service, token_of, brownies, scope, tool, arguments, missing):
    async with agent(service.url, token_of(scope)) as client:
        said = await refusal(client, tool, experiment=str(brownies.exp_uuid), **arguments)
    assert f"needs a token with the scope {missing}" in said
    assert "Tell the user" in said


async def test_token_for_telling_creates_no_experiment(service, token_of):
    described = {"name": "rye bread", "covars": SPACE}
    async with agent(service.url, token_of("tell")) as client:
        shown, _ = await call(client, "new_experiment", experiment=described)
        said = await refusal(client, "new_experiment", experiment=described, confirmation=shown["confirmation"])
    assert "needs a token with the scope write" in said


async def test_server_for_some_experiments_offers_these_alone(service, token_of, user, brownies):
    other = user.new("others", {"x": "0..1"}, say=None)
    token = token_of("tell", experiments=brownies)
    async with agent(service.url, token, brownies.exp_uuid) as client:
        listed, _ = await call(client, "list_experiments")
        assert [one["exp_uuid"] for one in listed["experiments"]] == [str(brownies.exp_uuid)]
        await call(client, "ask", experiment="brownies")
        assert "for these experiments alone" in await refusal(client, "best", experiment=str(other.exp_uuid))
        assert "new_experiment" not in {tool.name for tool in (await client.list_tools()).tools}
    async with agent(service.url, token) as client:
        assert "--experiment UUID" in await refusal(client, "list_experiments")
        assert "no experiment" in await refusal(client, "best", experiment=str(other.exp_uuid))


async def test_revoked_token_is_refused_without_showing_it(service, user):
    made = user.new_token("short-lived", "read")
    user.revoke_token("short-lived")
    async with agent(service.url, made.secret()) as client:
        said = await refusal(client, "list_experiments")
    assert "AUTOTUNE_TOKEN" in said
    assert made.secret() not in said


async def test_rows_of_an_empty_bottle_are_withdrawn_and_come_back(service, user, token_of, brownies):
    shelf = [{"t": t, "bottle": bottle} for t in (60, 75) for bottle in ("A-12", "B-07")]
    experiment = user.new("shelf", ["t"], candidates=shelf, say=None, seed=1)
    named = str(experiment.exp_uuid)
    async with agent(service.url, token_of("write")) as client:
        empty, text = await call(client, "withdraw_candidates", experiment=named, having={"bottle": "B-07"})
        assert (empty["candidates"]["n_withdrawn"], empty["candidates"]["n_left"]) == (2, 2)
        assert text == "Withdrawn. The list: 4 rows, 2 left, 2 withdrawn."
        again, _ = await call(client, "withdraw_candidates", experiment=named, rows=[2])
        assert again["candidates"]["n_withdrawn"] == 2
        back, _ = await call(client, "withdraw_candidates", experiment=named, rows=[2], restore=True)
        assert back["candidates"]["n_left"] == 3
        assert "no row of the list has bottle = C-01" in await refusal(
            client, "withdraw_candidates", experiment=named, having={"bottle": "C-01"}
        )
        assert "has no list of candidates" in await refusal(
            client, "withdraw_candidates", experiment=str(brownies.exp_uuid), rows=[1]
        )
    async with agent(service.url, token_of("tell")) as client:
        assert "write" in await refusal(client, "withdraw_candidates", experiment=named, rows=[1])
