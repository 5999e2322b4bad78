"""What all widgets have in common: fields with their errors, buttons that wait for the service, and a still."""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from reprlib import repr as shortened
from time import monotonic
from typing import Any

from ipywidgets import HTML, BoundedIntText, Button, Checkbox, Dropdown, HBox, Layout, Text, VBox

from autotune.client import Client
from autotune.errors import AutotuneError, InvalidInputError, ServiceError, notes_of
from autotune.experiment import Experiment
from autotune.inputs.typed import typed_number
from autotune.widgets.keeping import Keeper
from autotune.widgets.style import STYLE, alert
from autotune_wire.numerals import number_of
from autotune_wire.problems import FieldProblem

WORKING = "Working …"
TWICE_S = 0.3
"""A click that comes so soon after an action, in seconds, is the second half of a double click, and is left out."""
SOON_S = 0.1
"""How long after a click or the enter key its action begins, in seconds.

The page sends what was typed last in the same moment: behind the key, and though before the click, ipykernel 7 may
handle the two messages in either order.
"""


class Field:
    """An input with its label, and below it what is wrong with its value.

    Args:
        name: The field's name in the errors of the service, such as ``responses.yield``.
        given: The input, a widget of ipywidgets.
        error: Shows what is wrong; by default an ``HTML`` of its own.
        layout: Of the field; by default one of its own.
    """

    def __init__(self, name: str, given: Any, error: Any = None, layout: Any = None) -> None:
        self.name = name
        self.input = given
        self.error = HTML() if error is None else error
        self.box = VBox([given, self.error], layout=Layout(overflow="visible") if layout is None else layout)

    @property
    def text(self) -> str:
        """What was typed, without blanks around it."""
        return str(self.input.value).strip()

    def say(self, text: str) -> None:
        """Show what is wrong; an empty text takes it away."""
        self.error.value = alert(text).replace("atw-bad", "atw-field")

    def number(self) -> float | None:
        """Read the number that was typed, with a decimal point or a decimal comma; None if nothing was typed.

        Raises:
            InvalidInputError: If the text is no number, or may be two.
        """
        return read_number(self.name, self.text)


class Form:
    """A widget: its parts below each other, then one line that says what happened.

    A callback runs while nothing else does in the kernel, and shows this on its button: ``do`` sees to both, and to
    errors, which are shown beside their fields and never as a traceback. A button at work is not disabled: the page
    would take the keyboard away from it. What is clicked meanwhile comes when the action has ended, and is left out.

    Attributes:
        box: The widget of ipywidgets.
        fields: The fields, by their names in the errors of the service.
        message: The line that says what happened.
        said: What was said last in that line.
        keeper: Shows the form, and keeps its still in the notebook.
    """

    def __init__(self) -> None:
        self.fields: dict[str, Field] = {}
        self.message = HTML()
        self.box = VBox([], layout=Layout(max_width="1080px", padding="8px 12px", overflow="visible"))
        self.box.add_class("atw-form")
        self.said = ""
        self.keeper = Keeper(self.still, self.__repr__)
        self._ended_at = -TWICE_S
        self._is_pressed = False

    def field(self, name: str, given: Any) -> Field:
        """Add a field; the name is that in the errors of the service."""
        self.fields[name] = Field(name, given)
        return self.fields[name]

    def show(self, *parts: Any) -> None:
        """Show these parts, and the line that says what happened: below them, if it is none of them."""
        last = [] if self.message in parts else [self.message]
        self.box.children = [HTML(STYLE, layout=Layout(display="none")), *parts, *last]

    def button(self, label: str, help_text: str, action: Callable[[], str | None], *, is_first: bool = False) -> Any:
        """Make a button that does an action; what the action returns is said below the form."""
        style = "primary" if is_first else ""
        button = Button(
            description=label,
            tooltip=help_text,
            button_style=style,
            layout=Layout(width="auto", align_self="flex-start"),
        )
        button.on_click(lambda _clicked: self.soon(lambda: self.do(button, action)))
        return button

    def enter(self, field: Field, button: Any) -> None:
        """Let the enter key in a field press a button."""

        def pressed(_given: Any, content: Mapping[str, Any], _buffers: Any) -> None:
            if content.get("event") == "submit":
                self.soon(lambda: None if button.disabled else self._click(button))

        field.input.on_msg(pressed)

    def soon(self, act: Callable[[], object]) -> None:
        """Call a function once what the page has sent already is read; at once where no loop runs, or for ``press``."""
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            loop = None
        if loop is None or self._is_pressed:
            act()
        else:
            loop.call_later(SOON_S, act)

    def do(self, button: Any, action: Callable[[], str | None]) -> None:
        """Do an action of a button, which shows that it is at work meanwhile, and say what came of it."""
        if monotonic() - self._ended_at < TWICE_S:
            return
        label = button.description
        button.description = WORKING
        button.add_class("atw-busy")
        self.clear()
        try:
            self.say(action() or "", is_good=True)
        except AutotuneError as error:
            self.say_error(error)
        except KeyboardInterrupt:
            self.say("Interrupted. What was sent may have been done all the same: look before you send it again.")
        finally:
            if button.description == WORKING:  # else the action has given it another label
                button.description = label
            button.remove_class("atw-busy")
            self._ended_at = monotonic()
            self.refresh()
            self.keeper.keep()

    def press(self, button: Any) -> str:
        """Press a button by code, for a notebook or a test that plays the user.

        However soon it comes after an action, it is no second half of a double click.

        Args:
            button: A button of the form, such as ``card.told``.

        Returns:
            What the form then says. An error is said too, in the form, and not raised.

        Raises:
            InvalidInputError: If the button is disabled.
        """
        if button.disabled:
            raise InvalidInputError(f"the button {button.description!r} is disabled: it has nothing to act on now")
        self._ended_at = -TWICE_S
        self._click(button)
        return self.said

    def _click(self, button: Any) -> None:
        self._is_pressed = True
        try:
            button.click()
        finally:
            self._is_pressed = False

    def refresh(self) -> None:
        """Bring what the form shows up to date after an action; must not ask the service."""

    def clear(self) -> None:
        """Take away what was said, below the form and beside the fields."""
        self.say("")
        for field in self.fields.values():
            field.say("")

    def say(self, text: str, *, is_good: bool = False) -> None:
        """Show what happened, below the form."""
        self.said = text
        self.message.value = alert(text, is_good=is_good)

    def say_error(self, error: AutotuneError) -> None:
        """Show the problems of an error beside their fields, and the rest of the error below the form."""
        problems = error.errors if isinstance(error, InvalidInputError | ServiceError) else []
        left = self.say_problems(problems)
        texts = [text_of(problem) for problem in left] if problems else [str(error)]
        self.say("\n".join([*texts, *notes_of(error)]))

    def say_problems(self, problems: Iterable[FieldProblem]) -> list[FieldProblem]:
        """Show each problem beside its field, and return those that no field of the form has."""
        left: list[FieldProblem] = []
        said: dict[str, list[str]] = {}
        for problem in problems:
            fits = [name for name in self.fields if f"{problem.field}.".startswith(f"{name}.")]
            if fits:
                said.setdefault(max(fits, key=len), []).append(problem.message)
            else:
                left.append(problem)
        for name, messages in said.items():
            self.fields[name].say("; ".join(messages))
        return left

    def still(self) -> str:
        """Write what the form shows as HTML that needs no kernel."""
        raise NotImplementedError

    def _ipython_display_(self) -> None:
        self.keeper.show(self.box)


def require(form: Form, kind: type[Client | Experiment], given: Any) -> None:
    """Check that a form is given a client or an experiment, and not, say, a name.

    Raises:
        InvalidInputError: If it is given something else; the message says where to get one.
    """
    if isinstance(given, kind):
        return
    wanted, source = (
        ("a client", "`autotune.connect()` or `%autotune login`")
        if issubclass(kind, Client)
        else ("an experiment", "`client.new(...)`, `client.experiment(uuid)` or `%autotune use NAME`")
    )
    found = shortened(given)
    raise InvalidInputError(f"{type(form).__name__} needs {wanted}, not {found}\ngive it what {source} returns")


def typed(label: str, value: str = "", width: str = "200px", hint: str = "", *, is_live: bool = False) -> Any:
    """Make an input for a text with its label above.

    What was typed is sent as a whole when the input is left, so no button acts on half of it: while the kernel is at
    work, the page sends the first key at once, and the others only after a click that came later.

    Args:
        label: The label.
        value: The text at first.
        width: The width, as in CSS.
        hint: Shown while nothing is typed.
        is_live: Whether each key is sent, for what is checked as it is typed.
    """
    layout = Layout(width=width)
    given = Text(value=value, description=label, placeholder=hint, layout=layout, continuous_update=is_live)
    return _above(given)


def chosen(label: str, options: Any, value: Any, width: str = "130px") -> Any:
    """Make a list to choose from with its label above."""
    return _above(Dropdown(options=options, value=value, description=label, layout=Layout(width=width)))


def ticked(label: str, value: bool = False, width: str = "95px") -> Any:
    """Make a box to tick, at the height of the inputs beside it."""
    layout = Layout(width=width, margin="21px 2px 0 6px")
    return Checkbox(value=value, description=label, indent=False, layout=layout)


def counter(label: str, value: int, most: int) -> Any:
    """Make an input for a whole number from 1 to ``most`` with its label above."""
    return _above(BoundedIntText(value, 1, most, description=label, layout=Layout(width="90px")))


def lowered(button: Any) -> Any:
    """Put a button at the height of the inputs beside it, whose labels are above."""
    button.layout.margin = "21px 2px 0 4px"
    return button


def _above(given: Any) -> Any:
    given.add_class("atw-above")
    return given


def row(parts: Sequence[Any]) -> Any:
    """Put parts beside each other; they wrap where the notebook is narrow."""
    return HBox(list(parts), layout=Layout(flex_flow="row wrap", align_items="flex-start", overflow="visible"))


def read_number(name: str, text: str) -> float | None:
    """Read the number that was typed into the field of a name, with a decimal point or comma; None from no text.

    Raises:
        InvalidInputError: If the text is no number, or may be two.
    """
    if not text:
        return None
    try:
        with_comma = typed_number(text)
        number = number_of(text, ".") if with_comma is None else with_comma
        if number is None:
            raise InvalidInputError(f"{text} is not a number; write it as in 0.93 or 0,93")
    except InvalidInputError as error:
        raise wrong_field(name, str(error)) from None
    return number


def wrong_field(name: str, message: str) -> InvalidInputError:
    """Build the error of one field."""
    return wrong_fields({name: message})


def wrong_fields(messages: Mapping[str, str]) -> InvalidInputError:
    """Build the error of several fields, from what is wrong with each by its name."""
    problems = [FieldProblem(field=name, message=message) for name, message in messages.items()]
    return InvalidInputError("this form is not valid:", problems)


def text_of(problem: FieldProblem) -> str:
    """Write a problem on one line."""
    return f"{problem.field}: {problem.message}" if problem.field else problem.message
