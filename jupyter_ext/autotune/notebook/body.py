"""The body of a ``%%autotune run`` cell, as a function of a configuration."""

import ast
from collections.abc import Collection
from contextlib import suppress
from traceback import walk_tb
from types import TracebackType
from typing import Any

from IPython.core.error import UsageError

from autotune.errors import AutotuneError, InvalidInputError

CONFIGURATION = "configuration"
"""The name by which the body sees the whole configuration, for covariates whose names are no names of Python."""


class Body:
    """The body of a cell. Called with a configuration it runs, and returns the value of its last line.

    The body sees the notebook's variables, each covariate by its name (None where it is not active) and the whole
    configuration. Each call has names of its own, so that several can go on at the same time: what the body assigns is
    gone when it ends.

    Args:
        shell: The shell of the notebook.
        text: The lines of the cell.
        names: The names of the covariates.

    Raises:
        UsageError: If the lines are no Python, or the last one is no expression, so that there is no response.
    """

    def __init__(self, shell: Any, text: str, names: Collection[str]) -> None:
        self._shell = shell
        self._names = names
        # The first line of the cell, which is the magic's own, counts: a traceback names lines as the notebook does.
        code = "\n" + shell.transform_cell(text)
        # Under this name IPython shows the lines in a traceback.
        self._file = shell.compile.cache(code, shell.execution_count, raw_code=code)
        try:
            lines = shell.compile.ast_parse(code, filename=self._file).body
        except SyntaxError as error:
            written = (error.text or "").rstrip()
            raise UsageError(f"line {error.lineno} of the cell is no Python: {error.msg}\n{written}") from None
        if not lines or not isinstance(lines[-1], ast.Expr):
            raise UsageError(
                "the last line of the cell must be the response, and it is not an expression\n"
                "end the cell with the number that was measured, such as score"
            )
        self._before = compile(ast.Module(lines[:-1], []), self._file, "exec")
        self._last = compile(ast.Expression(lines[-1].value), self._file, "eval")

    def __call__(self, configuration: dict[str, Any]) -> Any:
        """Run the body.

        Raises:
            InvalidInputError: If the last line is None.
        """
        names = {CONFIGURATION: configuration, **dict.fromkeys(self._names), **configuration}
        variables = {**self._shell.user_ns, **names}
        exec(self._before, variables)  # noqa: S102 -- the user's own lines, as the shell runs every cell
        response = eval(self._last, variables)  # noqa: S307 -- as above
        if response is None:
            raise InvalidInputError(
                "the last line of the cell gave None, which is no response\n"
                "end the cell with the number that was measured; print() and plots return None"
            )
        return response

    def owns(self, error: BaseException) -> bool:
        """Return whether an error was raised by the body, or by what the body called."""
        return any(frame.f_code is Body.__call__.__code__ for frame, _ in walk_tb(error.__traceback__))

    def show_alone(self, error: BaseException) -> None:
        """Cut the traceback of an error down to the body: what ran the body is of no help."""
        traceback = self._traceback(error)
        if traceback is None or isinstance(error, AutotuneError):
            return
        lines = self._shell.InteractiveTB.structured_traceback

        def render() -> list[str]:
            return [*lines(type(error), error, traceback, tb_offset=0)]

        with suppress(AttributeError):  # an error of a class with slots
            error._render_traceback_ = render  # type: ignore[attr-defined] # IPython asks for this name

    def _traceback(self, error: BaseException) -> TracebackType | None:
        traceback = error.__traceback__
        while traceback is not None and traceback.tb_frame.f_code.co_filename != self._file:
            traceback = traceback.tb_next
        return traceback
