"""The outputs in which a notebook shows one picture, drawn again and again by any thread.

What is shown is a display with an id, and no widget: what is drawn last is what the notebook saves, and a saved widget
shows nothing but an error once its kernel is gone.
"""

import contextvars
import re
from collections.abc import Callable, Mapping
from typing import Any
from uuid import uuid4

Bundle = Mapping[str, str]
"""What is shown, by MIME type."""

_COMMAND = re.compile(r"^\s*%%?autotune\b", re.MULTILINE)


class Outlet:
    """The outputs of one picture.

    Args:
        after_command: Called at the end of each cell with an ``%autotune`` command, once the picture was shown.
    """

    def __init__(self, after_command: Callable[[], None]) -> None:
        self._after_command = after_command
        self._display_id = uuid4().hex
        self._publisher: Any = None
        self._shell: Any = None
        self._pages: set[str] = set()

    def show(self, bundle: Bundle) -> None:
        """Show the picture below the running cell."""
        from IPython.core.getipython import get_ipython
        from IPython.display import display

        display(bundle, raw=True, display_id=self._display_id)
        shell = get_ipython()
        # A terminal would write each update below the last one, and `%%capture` would collect them for ever.
        if hasattr(shell, "kernel") and isinstance(shell.display_pub, shell.display_pub_class):
            self._pages.add(_page(shell))
            if self._shell is None:
                shell.events.register("post_run_cell", self._after_cell)
            self._shell, self._publisher = shell, shell.display_pub

    def update(self, bundle: Bundle) -> None:
        """Draw the picture anew wherever it is shown; any thread may call this, while a cell runs too."""
        if self._publisher is None:
            return
        # In a context of its own the message belongs to the cell that runs or ran last, as all messages of threads do.
        # The context of a former cell would name that cell, and nbclient reads the messages of the running one alone.
        contextvars.Context().run(
            self._publisher.publish,
            data=dict(bundle),
            metadata={},
            transient={"display_id": self._display_id},
            update=True,
        )

    @property
    def is_elsewhere(self) -> bool:
        """Whether the cell that runs is in a page that does not show the picture, as after a page was reloaded.

        What a page that was closed showed is in the notebook, but takes no updates any more.
        """
        return self._shell is not None and _page(self._shell) not in self._pages

    def close(self) -> None:
        """Draw no more."""
        if self._shell is not None:
            self._shell.events.unregister("post_run_cell", self._after_cell)
        self._shell = self._publisher = None

    def _after_cell(self, result: Any) -> None:
        if _COMMAND.search(result.info.raw_cell or ""):
            self._after_command()


def _page(shell: Any) -> str:
    """Return what identifies the page, or other front end, that the running cell came from."""
    header = (shell.get_parent() or {}).get("header", {})
    return str(header.get("session", ""))
