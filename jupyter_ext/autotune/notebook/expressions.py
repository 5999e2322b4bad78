"""Python expressions and texts of a command line, evaluated in the notebook."""

import ast
import builtins
import re
from contextlib import suppress
from keyword import iskeyword
from traceback import walk_tb
from typing import Any

from IPython.core.error import UsageError

from autotune.errors import AutotuneError
from autotune.inputs.typed import typed_number
from autotune.notebook.line import unquoted
from autotune.notebook.near import did_you_mean

_VARIABLE = re.compile(r""""(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|\$(?=[^\W\d])""")
_PLACE = re.compile(r"\$\$|\{\{|\}\}|\$(?P<name>[^\W\d]\w*)|\{(?P<expression>[^{}]+)\}")
_SIGNS = {"$$": "$", "{{": "{", "}}": "}"}


class Expressions:
    """Evaluates what a command line says with the variables of a notebook.

    As in other magics, ``$name`` and ``{expression}`` stand for values. Where an expression is expected they may be
    left out: ``tell y``, ``tell $y`` and ``tell {y}`` are the same.
    """

    def __init__(self, shell: Any) -> None:
        self._shell = shell

    def value(self, text: str) -> Any:
        """Evaluate a Python expression.

        Raises:
            UsageError: If the text is no expression, or names a variable that the notebook lacks. Another error of the
                expression keeps its kind; it is shown without a traceback, unless a function of the notebook raised it.
        """
        expression = _without_dollars(text)
        if not is_expression(expression):
            raise UsageError(
                f"{text!r} is not a Python expression\nwrite a value, a variable or an expression, as in 0.93 or y[-1]"
            )
        tree = _Places().visit(ast.parse(expression, mode="eval"))
        expression = ast.unparse(tree)
        if expression.isidentifier() and not self.knows(expression):
            raise self._no_variable(expression)
        try:
            return self._shell.ev(expression)
        except NameError as error:
            named = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
            if error.name is None or error.name not in named or self.knows(error.name):
                raise
            raise self._no_variable(error.name) from None
        except AutotuneError:
            raise
        except Exception as error:  # the expression is the user's: any error may come of it
            if not self._is_in_function(error):
                _show_alone(error, expression)
            raise

    def number(self, text: str) -> Any:
        """Read a number as people write it, such as ``0,93``; else evaluate an expression."""
        number = typed_number(text)
        return self.value(text) if number is None else number

    def mapping(self, text: str, contents: str) -> dict[Any, Any]:
        """Evaluate an expression that must be a dict; ``contents`` says of what."""
        found = self.value(unquoted(text))
        if not isinstance(found, dict):
            raise UsageError(f"{text} is not a dict of {contents}\nwrite one, such as {{'x': 1}}, or name a variable")
        return found

    def text(self, text: str) -> str:
        """Take a text as it stands, without quotes around it and with the values of ``$name`` and ``{expression}``."""
        return _PLACE.sub(self._replaced, unquoted(text))

    def knows(self, name: str) -> bool:
        """Return whether a name means something in the notebook."""
        return iskeyword(name) or name in self._shell.user_ns or hasattr(builtins, name)

    def variables(self) -> list[str]:
        """List the names that the user has given, without those that begin with an underscore."""
        hidden = self._shell.user_ns_hidden
        return [name for name in self._shell.user_ns if not name.startswith("_") and name not in hidden]

    def _is_in_function(self, error: Exception) -> bool:
        """Return whether a function of the notebook raised an error, or what it called: its lines are of help then."""
        namespace = self._shell.user_global_ns
        frames = [frame for frame, _line in walk_tb(error.__traceback__) if frame.f_globals is namespace]
        return len(frames) > 1  # the first is the expression itself

    def _replaced(self, found: re.Match[str]) -> str:
        if found[0] in _SIGNS:
            return _SIGNS[found[0]]
        try:
            return str(self.value(found["name"] or found["expression"]))
        except UsageError as error:
            [problem, *_] = str(error).split("\n")
            raise UsageError(f"{found[0]}: {problem}\nwrite $$, {{{{ and }}}} for the signs themselves") from None

    def _no_variable(self, name: str) -> UsageError:
        near = did_you_mean(name, self.variables(), "`")
        return UsageError(
            f"there is no variable {name!r} in this notebook{near}\nset it in a cell above, or put quotes around a text"
        )


class _Places(ast.NodeTransformer):
    """Replaces each ``{expression}`` by the expression: for Python it is a set of one, which no command takes."""

    def visit_Set(self, node: ast.Set) -> ast.expr:
        """Replace a set of one by what it holds."""
        return self.generic_visit(node.elts[0]) if len(node.elts) == 1 else node  # type: ignore[return-value] # as given

    def visit_Call(self, node: ast.Call) -> ast.expr:
        """Leave what a function is given as it is."""
        return node


def _show_alone(error: Exception, expression: str) -> None:
    """Have IPython show an error without the lines of AutoTune that evaluated the expression."""
    shown = [f"{type(error).__name__}: {error}", f"{expression} raises it; in a cell of its own it shows where"]
    with suppress(AttributeError):  # an error of a class with slots
        error._render_traceback_ = lambda: shown  # type: ignore[attr-defined] # IPython asks for this name


def is_expression(text: str) -> bool:
    """Return whether a text is a Python expression."""
    try:
        compile(text, "<%autotune>", "eval")
    except (SyntaxError, ValueError):
        return False
    return True


def split_expressions(text: str) -> list[str]:
    """Split a text at a blank into two Python expressions, unless the whole text is one expression."""
    text = _without_dollars(text)
    if is_expression(text):
        return [text]
    for place in range(len(text) - 1, 0, -1):
        parts = [text[:place].strip(), text[place:].strip()]
        if text[place] == " " and all(map(is_expression, parts)):
            return parts
    first, _, last = text.rpartition(" ")
    return [first.strip(), last] if first else [text]


def _without_dollars(text: str) -> str:
    """Replace ``$name`` by ``name``, except in quotes."""
    return _VARIABLE.sub(lambda found: "" if found[0] == "$" else found[0], text).strip()
