import pytest
from IPython.core.error import UsageError


@pytest.fixture
def told(run, service):
    run("new brownies space")
    run("ask")
    run("tell 0.5")
    return service.runs


@pytest.mark.parametrize("line", ["fail --reason it boiled over", "fail {'x': 0.25} --reason 'it boiled over'"])
def test_magic_fail_keeps_the_reason(run, told, line):
    run("ask")
    run(line)
    assert told[-1]["failed_because"] == "it boiled over"


def test_magic_fail_needs_no_reason(run, told):
    run("ask")
    run("fail")
    assert (told[-1]["status"], told[-1]["failed_because"]) == ("failed", None)


@pytest.mark.parametrize(
    ("line", "note", "tags"),
    [
        ("note 1 it looked cloudy", "it looked cloudy", []),
        ("note 1 --tags slow, batch 7", None, ["slow", "batch 7"]),
        ("note 1 $seen --tags slow", "green", ["slow"]),
    ],
)
def test_magic_note_writes_a_note_and_tags(run, shell, told, line, note, tags):
    shell.user_ns["seen"] = "green"
    run(line)
    assert (told[0]["note"], told[0]["tags"]) == (note, tags)


def test_magic_note_of_nothing_removes_it(run, told):
    run("note 1 cloudy --tags slow")
    run('note 1 ""')
    assert (told[0]["note"], told[0]["tags"]) == ("", ["slow"])
    run('note 1 --tags ""')
    assert told[0]["tags"] == []


@pytest.mark.parametrize(
    ("line", "said"), [("note", "the id is missing"), ("note 1", "the note is missing"), ("note x y", "is not the id")]
)
def test_magic_note_says_what_is_missing(run, told, line, said):
    with pytest.raises(UsageError, match=said):
        run(line)


def test_magic_pause_and_resume(run, told, service, cell):
    assert "state paused" in repr(run("pause the oven is being cleaned"))
    [stored] = service.experiments.values()
    assert stored["paused"]["reason"] == "the oven is being cleaned"
    shown, succeeded = cell("%autotune ask")
    assert not succeeded
    assert "it is paused (409 experiment_paused)" in shown
    assert "`%autotune resume` goes on; results can be told meanwhile" in shown
    run("resume")
    run("ask")
