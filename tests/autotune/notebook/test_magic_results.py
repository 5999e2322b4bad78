"""Results and reasons as they are written on a line of ``%autotune``."""

import pytest
from fake_service import SPACE
from IPython.core.error import UsageError

PLACE = {"x": 0.25}


@pytest.fixture
def lab(run, shell):
    shell.user_ns |= {"h": 95, "mine": PLACE, "row": {"x": 0.75}, "note": "a leak"}
    return run('new lab space --max hardness --response "yield (%) >= 0"')


def refused(run, line):
    """What a command says that reports a result of the suggestion, and is refused."""
    run("ask")
    with pytest.raises(UsageError) as caught:
        run(line)
    return str(caught.value)


@pytest.mark.parametrize("line", ["tell 95.5, 0.8", "tell hardness: 95", "tell hardness 95", "correct 1 hardness 95"])
def test_several_responses_without_their_names_are_asked_for_by_name(run, lab, line):
    _first, second = refused(run, line).splitlines()
    assert second == "write the responses by name, as in hardness=0.93, yield (%)=0.93"


@pytest.mark.parametrize(
    ("written", "responses"),
    [
        ("hardness=95, yield (%)=0.8", {"hardness": 95, "yield (%)": 0.8}),
        ("hardness = 95,5, yield (%)=0,8", {"hardness": 95.5, "yield (%)": 0.8}),
        ("hardness=h", {"hardness": 95}),
        ("hardness=$h, yield (%)={h / 100}", {"hardness": 95, "yield (%)": 0.95}),
        ("yield (%)=0.8, hardness=None", {"yield (%)": 0.8}),
        ("{'hardness': h}", {"hardness": 95}),
    ],
)
@pytest.mark.parametrize("place", ["", " mine", " {'x': 0.25}"])
def test_tell_takes_responses_by_name(run, lab, written, responses, place):
    run("ask")
    told = run(f"tell {written}{place}")
    assert told.responses == responses
    assert told.covars == (PLACE if place else {"x": 0.5})


def test_tell_takes_standard_deviations_by_name(run, lab):
    told = run("tell hardness=95, yield (%)=80 mine --sd hardness=1, yield (%)=0,5")
    assert told.sds == {"hardness": 1, "yield (%)": 0.5}


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("tell hardnes=95", "responses.hardnes: is not a response of this experiment"),
        ("tell hardness=95, hardness=96", "the response 'hardness' is given twice"),
        ("tell hardness=", "'hardness=' is no response\nwrite responses such as hardness=95, friability=0.8"),
        ("tell hardness=1,050", "hardness: 1,050 may be"),
        ("tell hardness=hh", "there is no variable 'hh'"),
        ("tell hardness=95 capping", "there is no variable 'capping'"),
        ("tell hardness=95 --sd hardness=1 2", "--sd: '2' is not expected after it"),
    ],
)
def test_wrong_response_by_name_says_what_is_wrong(run, lab, service, line, message):
    assert message in refused(run, line)
    assert service.runs == []


@pytest.mark.parametrize(
    ("written", "covars", "reason"),
    [
        ("", {"x": 0.5}, None),
        ("capping", {"x": 0.5}, "capping"),
        ("oil-leak, again", {"x": 0.5}, "oil-leak, again"),
        ("the pump stopped (twice)", {"x": 0.5}, "the pump stopped (twice)"),
        ("'mine'", {"x": 0.5}, "mine"),
        ("h was too high", {"x": 0.5}, "h was too high"),
        ("over {h} %", {"x": 0.5}, "over 95 %"),
        ("note", {"x": 0.5}, "note"),
        ("$note", {"x": 0.5}, "a leak"),
        ("mine", PLACE, None),
        ("{mine} capping at {h}", PLACE, "capping at 95"),
        ("{'x': 0.25} capping", PLACE, "capping"),
        ("mine | row --reason capping", {"x": 0.75}, "capping"),
        ("--reason capping", {"x": 0.5}, "capping"),
    ],
)
def test_fail_takes_a_configuration_and_words(run, lab, written, covars, reason):
    run("ask")
    failed = run(f"fail {written}")
    assert (failed.status, failed.covars, failed.failed_because) == ("failed", covars, reason)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("fail minee", "there is no variable 'minee' in this notebook; did you mean `mine`?"),
        ("fail {'x': y}", "there is no variable 'y'"),
        ("fail 12", "12 is neither a configuration nor a reason\n"),
        ("fail capping --reason capping", "the reason is given twice, by 'capping' and by --reason"),
    ],
)
def test_fail_says_what_it_did_not_understand(run, lab, service, line, message):
    assert message in refused(run, line)
    assert service.runs == []


@pytest.mark.parametrize(
    ("written", "responses", "covars", "reason"),
    [
        ("hardness=96", {"hardness": 96, "yield (%)": 80}, PLACE, "no reason given"),
        ("hardness=96 a slip", {"hardness": 96, "yield (%)": 80}, PLACE, "a slip"),
        ('{"hardness": 96} misread', {"hardness": 96, "yield (%)": 80}, PLACE, "misread"),
        ('{"hardness": h} misread the scale', {"hardness": 95, "yield (%)": 80}, PLACE, "misread the scale"),
        ("hardness=96, yield (%)=None never measured", {"hardness": 96}, PLACE, "never measured"),
        ("hardness=96 row the wrong row", {"hardness": 96, "yield (%)": 80}, {"x": 0.75}, "the wrong row"),
        ("hardness=96 row --reason misread", {"hardness": 96, "yield (%)": 80}, {"x": 0.75}, "misread"),
    ],
)
def test_correct_keeps_what_it_does_not_name(run, lab, service, written, responses, covars, reason):
    told = run("tell hardness=9, yield (%)=80 mine")
    corrected = run(f"correct 1 {written}")
    assert (corrected.responses, corrected.covars) == (responses, covars)
    assert service.versions[str(told.observation_uuid)][-1]["reason"] == reason


@pytest.mark.parametrize(
    ("written", "because", "reason"),
    [
        ("failed", None, "no reason given"),
        ("failed capping", "capping", "capping"),
        ("failed capping --reason told late", "capping", "told late"),
        ("failed --reason told late", None, "told late"),
    ],
)
def test_correct_takes_why_a_run_failed(run, lab, service, written, because, reason):
    told = run("tell hardness=9 mine")
    assert run(f"correct 1 {written}").failed_because == because
    assert service.versions[str(told.observation_uuid)][-1]["reason"] == reason


def test_number_that_is_corrected_takes_words_too(run, shell, service):
    run("new brownies space")
    told = run("tell 9 {'x': 0.25}")
    for written in ("0,9 the comma", "0.9 misread the scale", "9 / 10 a slip"):
        assert run(f"correct 1 {written}").response == 0.9
    reasons = [version["reason"] for version in service.versions[str(told.observation_uuid)][1:]]
    assert reasons == ["the comma", "misread the scale", "a slip"]


def test_run_says_the_name_of_its_response(run, cell):
    assert SPACE["x"]["guess"] == 0.5
    run("new lab space --max accuracy")
    assert "1/1  Observation(x=0.5, accuracy 1)\n" in cell("%%autotune run -n 1\n1")[0]
