"""Variables and expressions of the notebook on a line of ``%autotune``, and words that were misspelt."""

import pytest
from IPython.core.error import UsageError

from autotune.notebook.line import Option, split, unquoted, words
from autotune.notebook.near import did_you_mean


@pytest.mark.parametrize("written", ["y", "$y", "{y}", "y + 0", "{y + 0}", "{0.5}", "{'a': 0.5}['a']"])
def test_tell_takes_a_value_of_the_notebook_in_any_form(run, shell, written):
    shell.user_ns |= {"y": 0.5, "mine": {"x": 0.25}}
    run("new brownies space")
    for configuration in ("mine", "$mine", "{mine}", '{"x": 0.25}', '{"x": {1/4}}'):
        told = run(f"tell {written} {configuration}")
        assert (told.response, told.covars) == (0.5, {"x": 0.25})


def test_numbers_of_suggestions_and_observations_may_be_variables(run, shell):
    shell.user_ns |= {"n": 2, "first": 1}
    run("new brownies space")
    taken = run("ask {n}")
    assert run("tell 0.5 --of {n}").suggestion_uuid == taken[1].suggestion_uuid
    assert run("correct $first 0.75 --reason reading {n}").response == 0.75
    assert run("exclude {first}").is_excluded
    assert not run("restore $first").is_excluded
    assert len(run("undo {n - 1}")) == 1


def test_reason_keeps_signs_that_are_doubled(run, service):
    run("new brownies space")
    run("ask")
    run("skip costs $$5, {{sic}}, $")
    assert [one["abandoned_because"] for one in service.suggestions.values()] == ["costs $5, {sic}, $"]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("aks", "there is no command 'aks'; did you mean ask?\n`%autotune help` lists the commands"),
        ("tell yeild", "there is no variable 'yeild' in this notebook; did you mean `yield_`?"),
        ("tell yeild + 1", "there is no variable 'yeild' in this notebook; did you mean `yield_`?"),
        ("use Dark", "you have no experiment named 'Dark'; did you mean `dark brownies`?"),
        ("load ros", "no variable of that name in this notebook; did you mean `rows`?"),
        ("ask --fixd 3", "%autotune ask has no option --fixd; did you mean --fixed?"),
        ("list --all", "%autotune list has no option --all\nit takes no options"),
    ],
)
def test_misspelt_word_is_answered_by_what_was_meant(run, shell, line, message):
    run("new 'dark brownies' space")
    shell.user_ns |= {"yield_": 1, "rows": []}
    with pytest.raises(UsageError) as caught:
        run(line)
    assert message in str(caught.value)


def test_error_inside_a_function_of_the_notebook_is_no_misspelt_variable(run, shell):
    shell.run_cell("def measured():\n    return missing")
    run("new brownies space")
    with pytest.raises(NameError):
        run("tell measured()")


def test_error_inside_a_function_of_the_notebook_shows_its_lines(run, shell):
    shell.run_cell("def measured():\n    return 1 / 0")
    run("new brownies space")
    with pytest.raises(ZeroDivisionError) as caught:
        run("tell measured()")
    assert not hasattr(caught.value, "_render_traceback_")


@pytest.mark.parametrize("line", ["tell {1/0}", "tell 1/0", 'tell {"x": 1/0}', "predict {'x': 1/0}"])
def test_error_of_an_expression_is_two_lines(run, line):
    run("new brownies space")
    with pytest.raises(ZeroDivisionError) as caught:
        run(line)
    first, second = caught.value._render_traceback_()
    assert first == "ZeroDivisionError: division by zero"
    assert "1 / 0" in second


def test_meant_word_is_one_that_begins_alike_or_looks_alike():
    assert did_you_mean("brow", ["cookies", "Brownies and ice"]) == "; did you mean Brownies and ice?"
    assert did_you_mean("aks", ["ask", "tell"]) == "; did you mean ask?"
    assert did_you_mean("x", ["ask", "tell"]) == ""


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("a 'b c' d", ["a", "'b c'", "d"]),
        ('{"x": 1, "y": [1, 2]} f(a, b) --sd', ['{"x": 1, "y": [1, 2]}', "f(a, b)", "--sd"]),
        ("don't stop, it's fine", ["don't", "stop,", "it's", "fine"]),
        ("a :( b", ["a", ":(", "b"]),
        ('f"{a} b" c', ['f"{a} b"', "c"]),
        ("  ", []),
    ],
)
def test_words_are_parted_by_blanks_outside_quotes_and_brackets(text, parts):
    assert words(text) == parts


@pytest.mark.parametrize(("text", "left"), [("'a b'", "a b"), ('"a" "b"', '"a" "b"'), (r"'it\'s'", "it's"), ("'", "'")])
def test_quotes_are_taken_off_where_they_hold_all(text, left):
    assert unquoted(text) == left


OPTIONS = (
    Option("--of", "word", "N", "."),
    Option("--sd", "rest", "SD", "."),
    Option("--ignore", "words", "C", ".", is_repeated=True),
    Option("-n", "word", "N", "."),
    Option("--again", "nothing", "", "."),
)


@pytest.mark.parametrize(
    ("text", "left", "given"),
    [
        ("--of 4 0.75 --sd 1 / 4", "0.75", [("--of", "4"), ("--sd", "1 / 4")]),
        ("0.5 --sd=0.1 --of=2", "0.5", [("--sd", "0.1"), ("--of", "2")]),
        ("a --ignore b 'c d' --again --ignore e", "a", [("--ignore", "b 'c d'"), ("--again", ""), ("--ignore", "e")]),
        ("--sd '1 + 2' a", "a", [("--sd", "'1 + 2'")]),
        ("3 -n 5 - 2", "3 - 2", [("-n", "5")]),
        ("a - b -x (--c)", "a - b -x (--c)", []),
        ("'--of 3'", "'--of 3'", []),
    ],
)
def test_line_is_split_into_options_and_the_rest(text, left, given):
    found = split(text, OPTIONS, "tell")
    assert (found.left, found.given) == (left, given)
