import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from hypercolumn.augment import Flip, Pipeline, QuarterTurn, QuarterTurnRecord, Step, sample_window
from hypercolumn.errors import InvalidArgument


@pytest.mark.parametrize("quarters", [1, 2, 3])
@pytest.mark.parametrize("plane", [(0, 1), (0, 2), (1, 2)])
def test_it_is_numpys_rot90_in_the_plane_named(plane: tuple[int, int], quarters: int) -> None:
    volume = torch.arange(60).reshape(3, 4, 5)
    turned = QuarterTurn().apply_target(QuarterTurnRecord(((*plane, quarters),)), volume)
    np.testing.assert_array_equal(turned, np.rot90(volume, quarters, axes=plane))


@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 2**32), dims=st.integers(2, 3))
def test_turned_windows_are_turned_images_cut_to_the_bit(seed: int, dims: int) -> None:
    rng = np.random.default_rng(seed)
    image = torch.from_numpy(rng.standard_normal((2, *rng.integers(9, 14, dims))).astype(np.float32))
    size, centre = (5,) * dims, tuple(length // 2 + 0.5 for length in image.shape[1:])
    pipeline = Pipeline((Step(QuarterTurn()), Step(Flip()), Step(QuarterTurn())))
    records = pipeline.draw(rng, dims)
    window, _ = sample_window(image, centre=centre, size=size, records=records, pipeline=pipeline)
    cut, _ = sample_window(image, centre=centre, size=size)
    assert torch.equal(window, pipeline.apply(records, cut)[0])


def test_by_default_the_four_ways_are_as_likely() -> None:
    rng = np.random.default_rng(0)
    drawn = [record.turns[0][2] if record.turns else 0 for record in (QuarterTurn().draw(rng, 2) for _ in range(4000))]
    np.testing.assert_allclose(np.bincount(drawn) / 4000, 0.25, atol=0.03)


def test_only_named_planes_turn_and_a_signal_has_none() -> None:
    rng = np.random.default_rng(0)
    drawn = [QuarterTurn(1.0, planes=((1, 2),)).draw(rng, 3) for _ in range(20)]
    assert {turn[:2] for record in drawn for turn in record.turns} == {(1, 2)}
    assert QuarterTurn(1.0).draw(rng, 1).turns == ()


@pytest.mark.parametrize("wrong", [{"probability": 1.5}, {"planes": ((1, 0),)}, {"planes": ((0,),)}])
def test_what_cannot_be_is_refused(wrong: dict) -> None:
    with pytest.raises(InvalidArgument):
        QuarterTurn(**wrong)
