"""What ``%autotune run`` runs: the body of a cell, or a function of the notebook. Its errors are shown alone."""

import ast
import inspect
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection
from contextlib import suppress
from traceback import walk_tb
from types import TracebackType
from typing import Any

from IPython.core.error import UsageError

from autotune.errors import AutotuneError, InvalidInputError
from autotune.running.reporting import report

CONFIGURATION = "configuration"
"""The name by which the body sees the whole configuration, for covariates whose names are no names of Python."""

REPORT = "report"
"""The name by which the body reports how its run goes, unless the notebook or a covariate has this name."""


class Runnable(ABC):
    """What the user wrote to be run, called with a configuration.

    Args:
        shell: The shell of the notebook.
    """

    def __init__(self, shell: Any) -> None:
        self._shell = shell

    @abstractmethod
    def __call__(self, configuration: dict[str, Any]) -> Any:
        """Run it with a configuration and return the response."""

    @property
    @abstractmethod
    def subject(self) -> str:
        """What is to be mended after an error."""

    def owns(self, error: BaseException) -> bool:
        """Return whether an error was raised by what the user wrote, or by what that called."""
        return any(frame.f_code is type(self).__call__.__code__ for frame, _ in walk_tb(error.__traceback__))

    def show_alone(self, error: BaseException) -> None:
        """Cut the traceback of an error down to what the user wrote: what ran that is of no help."""
        traceback = self._own(error.__traceback__)
        if traceback is None or isinstance(error, AutotuneError):
            return
        lines = self._shell.InteractiveTB.structured_traceback

        def render() -> list[str]:
            return [*lines(type(error), error, traceback, tb_offset=0)]

        with suppress(AttributeError):  # an error of a class with slots
            error._render_traceback_ = render  # type: ignore[attr-defined] # IPython asks for this name

    @abstractmethod
    def _own(self, traceback: TracebackType | None) -> TracebackType | None:
        """Return the part of a traceback that begins with the user's lines; None if there is none."""


class OwnFunction(Runnable):
    """A function of the notebook.

    Args:
        shell: The shell of the notebook.
        function: The function.
        name: What the user wrote for it.

    Raises:
        UsageError: If it cannot be called with one argument.
    """

    subject = "the function"

    def __init__(self, shell: Any, function: Callable[[dict[str, Any]], Any], name: str) -> None:
        super().__init__(shell)
        self._function = function
        try:
            inspect.signature(function).bind({})
        except TypeError as error:
            raise UsageError(
                f"{name} is called with one argument, the configuration: {error}\n"
                f"if it takes the covariates by their names: %autotune run {{lambda c: {name}(**c)}} N"
            ) from None
        except ValueError:
            return  # some functions written in C do not tell what they take

    def __call__(self, configuration: dict[str, Any]) -> Any:
        """Call the function."""
        return self._function(configuration)

    def _own(self, traceback: TracebackType | None) -> TracebackType | None:
        while traceback is not None and traceback.tb_frame.f_code is not OwnFunction.__call__.__code__:
            traceback = traceback.tb_next
        # A function written in C has no frame of its own.
        return traceback if traceback is None or traceback.tb_next is None else traceback.tb_next


class Body(Runnable):
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

    subject = "the cell"

    def __init__(self, shell: Any, text: str, names: Collection[str]) -> None:
        super().__init__(shell)
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
        variables = {REPORT: report, **self._shell.user_ns, **names}
        exec(self._before, variables)  # nosec B102 # the user's own lines, as the shell runs every cell
        response = eval(self._last, variables)  # nosec B307 # as above
        if response is None:
            raise InvalidInputError(
                "the last line of the cell gave None, which is no response\n"
                "end the cell with the number that was measured; print() and plots return None"
            )
        return response

    def _own(self, traceback: TracebackType | None) -> TracebackType | None:
        while traceback is not None and traceback.tb_frame.f_code.co_filename != self._file:
            traceback = traceback.tb_next
        return traceback
