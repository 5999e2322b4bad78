"""What the site's own code makes of a block, a notebook and a schema."""

import json

import pytest

from autotune_site.blocks import language_of
from autotune_site.notebooks import markdown_of
from autotune_site.reference.tables import fields, table, type_of


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("import autotune\n", "python"),
        ("experiment.pareto()\n", "python"),
        ("first\nsecond\n", "text"),
        ("cli\ndoctor     examines a deployment\n", "text"),
        ("%autotune ask\n", "ipython3"),
        ("x = 1\n%autotune tell x\n", "ipython3"),
        ("make run        # the service\n", "bash"),
        ("AUTOTUNE_MODE=prod autotune serve\n", "bash"),
        ("PY=.venv/bin/python\n$PY bench/startup.py\n", "bash"),
        ('{"op": "ask", "id": 1}\n{"op": "tell"}\n', "json"),
        ('{"a": 1,\n "b": 2}\n', "json"),
        ('{"a": "…", broken\n', "text"),
        ("SELECT 1;\n", "text"),
    ],
)
def test_language_of_a_block(text: str, language: str):
    assert language_of(text) == language


def _notebook(*outputs: object) -> str:
    cells = [
        {"cell_type": "markdown", "source": ["# Title\n", "words"]},
        {"cell_type": "code", "source": ["1 + 1"], "outputs": list(outputs)},
    ]
    return json.dumps({"cells": cells})


def test_notebook_shows_html_before_a_picture_and_a_picture_before_text():
    html = {"output_type": "display_data", "data": {"text/html": ["<b>a</b>"], "text/plain": ["plain"]}}
    picture = {"output_type": "display_data", "data": {"image/png": "abc\n", "text/plain": ['Picture("b")\nmore']}}
    stream = {"output_type": "stream", "text": ["said\n"]}
    page = markdown_of(_notebook(html, picture, stream))
    assert page.startswith("# Title\nwords\n")
    assert "<b>a</b>" in page
    assert "plain" not in page
    assert """<img alt="Picture('b')" src="data:image/png;base64,abc">""" in page
    assert "\nsaid\n" in page


def test_notebook_that_was_saved_with_an_error_is_refused():
    error = {"output_type": "error", "ename": "KeyError", "evalue": "'x'"}
    with pytest.raises(ValueError, match="KeyError: 'x'"):
        markdown_of(_notebook(error))


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ({"type": "integer", "minimum": 1, "maximum": 1000}, "whole number, at least 1, at most 1,000"),
        ({"anyOf": [{"type": "string", "format": "uuid"}, {"type": "null"}]}, "uuid or null"),
        ({"type": "array", "items": {"$ref": "#/components/schemas/Told"}}, "list of [Told](#message-Told)"),
        ({"type": "string", "minLength": 1}, "text, not empty"),
        ({"enum": ["dev", "prod"]}, '`"dev"` or `"prod"`'),
        ({"type": "object", "additionalProperties": {"type": "number"}}, "object whose values are number"),
        ({"type": "object", "title": "User", "properties": {"uuid": {}}}, "[User](#message-User)"),
        ({"type": "object", "title": "Data"}, "object"),
        ({}, "anything"),
    ],
)
def test_type_of_a_field_in_words(schema: dict[str, object], words: str):
    assert type_of(schema) == words


def test_table_leaves_out_empty_columns_and_escapes_bars():
    assert list(table(("a", "b"), [("x|y", ""), ("z", "")])) == ["| a |", "| --- |", "| x\\|y |", "| z |", ""]
    assert list(table(("a", "b"), [])) == []


def test_fields_say_what_is_required_and_what_is_left_to_a_default():
    schema = {
        "required": ["name"],
        "properties": {
            "name": {"type": "string"},
            "worker": {"type": "boolean", "default": True, "description": "Run."},
        },
    }
    assert list(fields(schema))[2:4] == [
        "| `name` | text | required |  |",
        "| `worker` | true or false | `true` | Run. |",
    ]
