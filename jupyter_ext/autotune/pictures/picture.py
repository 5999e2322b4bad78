"""A picture: a Vega-Lite specification that notebooks draw, and that can be saved."""

import json
from base64 import b64encode
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from autotune.errors import AutotuneError, InvalidInputError
from autotune.pictures.png import size_of, smaller

VEGA_LITE = "application/vnd.vegalite.v5+json"
SUFFIXES = (".png", ".svg", ".json")
SCALE = 1.5
"""How many pixels of a PNG stand for one pixel of the page, so that it is sharp on a fine screen."""

_VERSION = "5.20"  # of Vega-Lite, for vl-convert, which has several


class Picture:
    """A picture of an experiment.

    JupyterLab 4 and Notebook 7 draw the specification and show the values of a run where the mouse points at it. Other
    homes of notebooks that know Vega-Lite 5 were not tried. Beside it lies a PNG for what draws no Vega-Lite, such as
    GitHub, if the package vl-convert-python is there.

    Attributes:
        spec: The Vega-Lite 5 specification, plain data.
    """

    def __init__(self, spec: Mapping[str, Any]) -> None:
        self.spec = dict(spec)

    @property
    def description(self) -> str:
        """What the picture shows, in a sentence: its text alternative."""
        return str(self.spec["description"])

    def __repr__(self) -> str:
        return f"Picture({self.description})"

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> tuple[dict[str, Any], dict[str, Any]]:
        # IPython itself leaves out what a caller does not want (include, exclude).
        data: dict[str, Any] = {VEGA_LITE: self.spec, "text/plain": self.description}
        png = self.png()
        if png is None:
            return data, {}
        width, height = size_of(png)
        data["image/png"] = b64encode(png).decode()
        return data, {"image/png": {"width": round(width / SCALE), "height": round(height / SCALE)}}

    def png(self) -> bytes | None:
        """Draw the picture as a PNG file; None if vl-convert-python is not installed."""
        converter = _converter()
        return None if converter is None else _png(converter, self.spec)

    def save(self, path: str | Path) -> Path:
        """Save the picture as a file: ``.png``, ``.svg``, or ``.json`` for the specification.

        Args:
            path: Where; a file of this name is replaced.

        Returns:
            The path.

        Raises:
            InvalidInputError: If the path ends in something else, or its folder does not exist.
            AutotuneError: If a PNG or SVG is wanted and vl-convert-python is not installed.
        """
        target = Path(path)
        suffix = target.suffix.lower()
        if suffix not in SUFFIXES:
            raise InvalidInputError(f"path is {str(path)!r}; it must end in one of: {', '.join(SUFFIXES)}")
        if not target.absolute().parent.is_dir():
            says = f"{target} cannot be written, as there is no folder {target.parent}\nmake the folder first"
            raise InvalidInputError(says)
        if suffix == ".json":
            target.write_text(_text(self.spec), encoding="utf-8")
            return target
        converter = _converter()
        if converter is None:
            raise AutotuneError(
                f'{suffix[1:].upper()} needs the package vl-convert-python: pip install "autotune-bo[pictures]". '
                "Without it, save the picture as .json."
            )
        if suffix == ".png":
            target.write_bytes(_png(converter, self.spec))
        else:
            target.write_text(converter.vegalite_to_svg(_text(self.spec), vl_version=_VERSION), encoding="utf-8")
        return target

    def to_altair(self) -> Any:
        """Return the picture as a chart of Altair, to be changed or combined there.

        Raises:
            AutotuneError: If Altair is not installed.
        """
        try:
            import altair as alt
        except ImportError:
            raise AutotuneError("to_altair() needs the package altair: pip install altair") from None
        return alt.Chart.from_dict(self.spec)


def _converter() -> ModuleType | None:
    try:
        import vl_convert
    except ImportError:
        return None
    return vl_convert


def _png(converter: ModuleType, spec: Mapping[str, Any]) -> bytes:
    return smaller(converter.vegalite_to_png(_text(spec), vl_version=_VERSION, scale=SCALE))


def _text(spec: Mapping[str, Any]) -> str:
    return json.dumps(spec, ensure_ascii=False, allow_nan=False)
