"""Forms for a notebook, to use AutoTune without writing code: ``autotune.widgets``.

Each is shown where a cell ends with it, and ``still()`` writes it as HTML that needs no kernel.
"""

from importlib.util import find_spec

if find_spec("ipywidgets") is None or find_spec("anywidget") is None:
    raise ImportError('the widgets need ipywidgets and anywidget: pip install "autotune-bo[notebook]"')

from autotune.widgets.board import Board
from autotune.widgets.card import SuggestionCard
from autotune.widgets.connect import ConnectForm
from autotune.widgets.experiments import Experiments
from autotune.widgets.space_editor import SpaceEditor

__all__ = ["Board", "ConnectForm", "Experiments", "SpaceEditor", "SuggestionCard"]
