import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from autotune_service.engine.encoding import Encoding
from autotune_wire.space import Space


@st.composite
def spaces(draw):
    covars = {}
    for i in range(draw(st.integers(1, 6))):
        kind = draw(st.sampled_from(["int", "cont", "cat"]))
        if kind == "cat":
            options = [f"o{j}" for j in range(draw(st.integers(1, 5)))]
            covars[f"v{i}"] = {"vtype": "cat", "guess": options[0], "options": options}
        elif kind == "int":
            low = draw(st.integers(-1000, 1000))
            covars[f"v{i}"] = {"vtype": "int", "guess": low, "min": low, "max": low + draw(st.integers(1, 10**6))}
        else:
            low = draw(st.floats(-1e6, 1e6))
            covars[f"v{i}"] = {"vtype": "cont", "guess": low, "min": low, "max": low + draw(st.floats(1e-3, 1e6))}
    return TypeAdapter(Space).validate_python(covars)


@given(spaces(), st.data())
def test_decode_inverts_encode(space, data):
    encoding = Encoding(space)
    shares = np.array(data.draw(st.lists(st.floats(0, 1), min_size=len(space), max_size=len(space))))
    configuration = encoding.from_unit(shares)
    back = encoding.decode(encoding.encode([configuration])[0])
    assert encoding.key(back) == encoding.key(configuration)
    for name, covariate in space.items():
        if covariate.vtype == "cont":
            assert back[name] == pytest.approx(
                configuration[name], rel=1e-9, abs=1e-9 * (covariate.max - covariate.min)
            )
            assert covariate.min <= back[name] <= covariate.max
        else:
            assert back[name] == configuration[name]


def test_encode_scales_numbers_and_codes_options():
    space = TypeAdapter(Space).validate_python(
        {
            "n": {"vtype": "int", "guess": 1, "min": -1, "max": 3},
            "c": {"vtype": "cat", "guess": "a", "options": ["a", "b", "c"]},
            "x": {"vtype": "cont", "guess": 1, "min": 0, "max": 8},
        }
    )
    encoding = Encoding(space)
    assert encoding.encode([{"n": 0, "c": "c", "x": 2.0}]).tolist() == [[0.25, 2.0, 0.25]]
    assert encoding.upper.tolist() == [1.0, 2.0, 1.0]


def test_from_unit_gives_each_whole_number_the_same_share():
    space = TypeAdapter(Space).validate_python({"n": {"vtype": "int", "guess": 0, "min": 0, "max": 3}})
    numbers = [Encoding(space).from_unit(np.array([share]))["n"] for share in (0.0, 0.24, 0.26, 0.51, 0.99, 1.0)]
    assert numbers == [0, 0, 1, 2, 3, 3]


def test_all_configurations_counts_the_space():
    space = TypeAdapter(Space).validate_python(
        {
            "n": {"vtype": "int", "guess": 0, "min": 0, "max": 2},
            "c": {"vtype": "cat", "guess": "a", "options": ["a", "b"]},
        }
    )
    encoding = Encoding(space)
    listed = list(encoding.all_configurations())
    assert len(listed) == encoding.n_configurations == 6
    assert len({encoding.key(one) for one in listed}) == 6
