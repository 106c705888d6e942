import numpy as np
import pytest

from hypercolumn.data import Sample
from hypercolumn.errors import InvalidArgument


def test_extent_is_length_times_spacing_and_unknown_stays_unknown() -> None:
    volume = Sample(np.zeros((1, 10, 4, 6)), ("z", "y", "x"), (2.0, 0.5, 0.25), "um")
    assert volume.shape == (10, 4, 6)
    assert volume.extent() == (20.0, 2.0, 1.5)
    assert Sample(np.zeros((1, 4, 6)), ("y", "x")).extent() is None


@pytest.mark.parametrize(
    ("named", "arguments"),
    [
        ("array.shape", {"axes": ("x",)}),
        ("spacing", {"axes": ("y", "x"), "spacing": (1.0,), "unit": "um"}),
        ("unit", {"axes": ("y", "x"), "spacing": (1.0, 1.0)}),
        ("unit", {"axes": ("y", "x"), "unit": "um"}),
        ("channels", {"axes": ("y", "x"), "channels": ("red",)}),
    ],
)
def test_a_sample_that_contradicts_itself_is_refused(named: str, arguments: dict) -> None:
    with pytest.raises(InvalidArgument, match=named):
        Sample(np.zeros((3, 4, 6)), **arguments)
