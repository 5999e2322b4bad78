import json
import sys
from base64 import b64decode
from io import BytesIO

import pytest
import vl_convert
from IPython.core.formatters import DisplayFormatter
from PIL import Image

from autotune.errors import AutotuneError, InvalidInputError
from autotune.pictures.picture import VEGA_LITE, Picture
from autotune.pictures.png import size_of, smaller

SPEC = {
    "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
    "description": "Two points.",
    "config": {"background": "transparent"},
    "width": 120,
    "height": 80,
    "data": {"values": [{"x": 1, "y": 2}, {"x": 2, "y": 1}]},
    "mark": "point",
    "encoding": {"x": {"field": "x", "type": "quantitative"}, "y": {"field": "y", "type": "quantitative"}},
}


@pytest.fixture
def picture():
    return Picture(SPEC)


@pytest.fixture
def _no_converter(monkeypatch):
    monkeypatch.setitem(sys.modules, "vl_convert", None)


def test_notebook_gets_the_specification_a_png_and_a_text(picture):
    data, metadata = DisplayFormatter().format(picture)
    assert data[VEGA_LITE] == SPEC
    assert data["text/plain"] == "Two points."
    assert b64decode(data["image/png"]).startswith(b"\x89PNG")
    # The plot with its axes; a third of it would not be more.
    assert 120 < metadata["image/png"]["width"] < 240
    assert 80 < metadata["image/png"]["height"] < 160


@pytest.mark.usefixtures("_no_converter")
def test_notebook_without_the_converter_gets_the_specification_and_a_text(picture):
    data, metadata = DisplayFormatter().format(picture)
    assert set(data) == {VEGA_LITE, "text/plain"}
    assert metadata == {}


def test_png_has_the_ground_of_the_page(picture):
    image = Image.open(BytesIO(b64decode(DisplayFormatter().format(picture)[0]["image/png"])))
    assert image.convert("RGBA").getpixel((0, 0))[3] == 0


def test_small_png_has_the_same_pixels():
    png = vl_convert.vegalite_to_png(json.dumps(SPEC), vl_version="5.20", scale=2)
    small = smaller(png)
    assert len(small) < 0.7 * len(png)
    assert size_of(small) == Image.open(BytesIO(png)).size
    assert Image.open(BytesIO(small)).tobytes() == Image.open(BytesIO(png)).tobytes()


@pytest.mark.parametrize(("suffix", "start"), [(".png", b"\x89PNG"), (".SVG", b"<svg"), (".json", b'{"$schema"')])
def test_save_writes_the_kind_of_file_that_the_name_says(picture, tmp_path, suffix, start):
    path = picture.save(tmp_path / f"picture{suffix}")
    assert path.read_bytes().startswith(start)


def test_saved_specification_is_the_specification(picture, tmp_path):
    assert json.loads(picture.save(str(tmp_path / "a.json")).read_text()) == SPEC


def test_save_under_another_name_is_refused(picture, tmp_path):
    with pytest.raises(InvalidInputError, match=r"path is '.*a\.html'; it must end in one of: \.png, \.svg, \.json"):
        picture.save(tmp_path / "a.html")


@pytest.mark.parametrize("suffix", ["png", "svg", "json"])
def test_save_into_a_missing_folder_says_to_make_it(picture, tmp_path, suffix):
    with pytest.raises(InvalidInputError, match=r"as there is no folder .*nowhere\nmake the folder first"):
        picture.save(tmp_path / "nowhere" / f"a.{suffix}")


@pytest.mark.usefixtures("_no_converter")
@pytest.mark.parametrize("suffix", ["png", "svg"])
def test_save_without_the_converter_says_what_to_install(picture, tmp_path, suffix):
    with pytest.raises(AutotuneError, match=rf'{suffix.upper()} needs .*pip install "autotune-bo\[pictures\]"'):
        picture.save(tmp_path / f"a.{suffix}")


def test_to_altair_is_the_same_chart(picture):
    chart = picture.to_altair()
    assert chart.to_dict()["encoding"] == SPEC["encoding"]


def test_to_altair_without_altair_says_what_to_install(picture, monkeypatch):
    monkeypatch.setitem(sys.modules, "altair", None)
    with pytest.raises(AutotuneError, match="pip install altair"):
        picture.to_altair()


def test_picture_in_a_terminal_is_its_text(picture):
    assert repr(picture) == "Picture(Two points.)"
