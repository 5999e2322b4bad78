"""What the tab key offers, asked for as a kernel asks: by the completer of a real shell."""

import httpx2
import pytest
from IPython.core.completer import provisionalcompleter

from autotune import load_ipython_extension


@pytest.fixture
def offered(shell):
    def complete(text):
        with provisionalcompleter():
            found = list(shell.Completer.completions(text, len(text)))
        return [text[: one.start] + one.text for one in found]

    return complete


def test_offered_words_have_a_type(shell):
    with provisionalcompleter():
        assert {one.type for one in shell.Completer.completions("%autotune s", 11)} == {"autotune"}


@pytest.mark.parametrize(
    ("text", "whole"),
    [
        ("%autotune sta", ["%autotune status"]),
        ("autotune sta", ["autotune status"]),
        ("%%autotune ru", ["%%autotune run"]),
        ("%autotune help ins", ["%autotune help insights"]),
        ("%autotune new a space --mi", ["%autotune new a space --min", "%autotune new a space --minimize"]),
        ("%%autotune run -n 3 --on", ["%%autotune run -n 3 --on-error"]),
        ("%%autotune run --on-error f", ["%%autotune run --on-error fail"]),
        ("%autotune new a --engine gre", ["%autotune new a --engine greattunes"]),
        ("%autotune tell my_re", ["%autotune tell my_response"]),
        ("%autotune new a spa", ["%autotune new a space"]),
        ("%autotune ask --fixed my_", ["%autotune ask --fixed my_response"]),
    ],
)
def test_tab_completes_commands_options_and_variables(shell, offered, text, whole):
    shell.user_ns["my_response"] = 1
    assert offered(text) == whole


def test_tab_offers_every_command(offered):
    assert {"%autotune ask", "%autotune new", "%autotune help"} <= set(offered("%autotune "))


def test_tab_completes_names_of_experiments(run, offered):
    run("new 'dark brownies' space")
    run("new cookies space")
    assert offered("%autotune use coo") == ["%autotune use cookies"]
    assert offered("%autotune use ") == ["%autotune use cookies", '%autotune use "dark brownies"']
    for written in ('"dark br', "'dark br", "dark br", "Dark"):
        assert offered(f"%autotune use {written}") == ['%autotune use "dark brownies"']
    assert offered("%autotune delete --y") == ["%autotune delete --yes"]


def test_tab_asks_the_service_once_in_a_while_and_never_long(run, offered, service):
    run("new cookies space")
    service.trouble("GET /experiment/all", httpx2.ConnectError("refused"))
    assert offered("%autotune use coo") == []
    assert (service.waits, service.n_calls("GET /experiment/all")) == ([], 1)
    assert offered("%autotune use coo") == []
    assert service.n_calls("GET /experiment/all") == 1


def test_tab_asks_nothing_before_the_login(offered, service):
    offered("%autotune use x")
    assert service.calls == []


def test_tab_leaves_attributes_and_the_body_of_a_cell_to_python(shell, offered):
    shell.user_ns["my"] = {"x": 1}
    assert "%autotune tell my.items" in offered("%autotune tell my.it")
    assert offered("%%autotune run -n 3\nspac") == ["%%autotune run -n 3\nspace"]


def test_extension_that_is_loaded_again_offers_everything_once(shell, offered):
    load_ipython_extension(shell)
    assert offered("%autotune sta") == ["%autotune status"]


def test_tab_completes_files(offered, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs.csv").touch()
    (tmp_path / "notes.md").touch()
    assert offered("%autotune load ru") == ["%autotune load runs.csv"]
