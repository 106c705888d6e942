import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hypercolumn.errors import InvalidArgument, ShapeMismatch
from hypercolumn.evaluation.rater_errors import rater_errors
from hypercolumn.evaluation.staple import staple


def drawn(seed: int, sensitivity: tuple[float, ...], specificity: tuple[float, ...], side: int = 200):
    chance = np.random.default_rng(seed)
    y, x = np.mgrid[:side, :side]
    region = (y - side / 2) ** 2 + (x - side / 2) ** 2 < (side / 3) ** 2
    masks = [
        np.where(region, chance.random(region.shape) < p, chance.random(region.shape) >= q)
        for p, q in zip(sensitivity, specificity, strict=True)
    ]
    return region, np.stack(masks)


def test_sensitivity_and_specificity_are_recovered_and_the_region_with_them():
    sensitivity, specificity = (0.95, 0.8, 0.9, 0.6), (0.97, 0.9, 0.8, 0.95)
    region, masks = drawn(0, sensitivity, specificity)
    found = staple(masks)
    np.testing.assert_allclose(found.sensitivity, sensitivity, atol=0.01)
    np.testing.assert_allclose(found.specificity, specificity, atol=0.01)
    assert ((found.consensus > 0.5) == region).mean() > ((masks.mean(axis=0) > 0.5) == region).mean()


def test_it_is_the_model_of_dawid_and_skene_but_for_the_prior():
    _, masks = drawn(1, (0.9, 0.8, 0.7), (0.95, 0.9, 0.85), side=60)
    errors = rater_errors(masks.reshape(3, -1).T.astype(float), classes=2).errors
    found = staple(masks)
    np.testing.assert_allclose(found.sensitivity, errors[:, 1, 1], atol=0.03)
    np.testing.assert_allclose(found.specificity, errors[:, 0, 0], atol=0.03)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 4))
def test_the_order_of_raters_and_of_samples_does_not_matter(seed: int, raters: int):
    chance = np.random.default_rng(seed)
    masks = np.random.default_rng(seed).random((1, 6, 7)) + chance.normal(0, 0.3, (raters, 6, 7)) > 0.5
    order = chance.permutation(raters)
    found, turned = staple(masks), staple(masks[order].transpose(0, 2, 1))
    np.testing.assert_allclose(turned.consensus.T, found.consensus, atol=1e-6)
    np.testing.assert_allclose(turned.sensitivity, found.sensitivity[order], atol=1e-6)


def test_three_raters_who_hardly_agree_are_waited_for():
    """Twelve thousand steps and more, each of which moves a little."""
    chance = np.random.default_rng(164)
    masks = np.random.default_rng(164).random((1, 6, 7)) + chance.normal(0, 0.3, (3, 6, 7)) > 0.5
    assert staple(masks).steps > 10_000


def test_raters_who_agree_are_right_and_perfect():
    mask = np.zeros((3, 5, 5), dtype=bool)
    mask[:, 1:3] = True
    found = staple(mask)
    np.testing.assert_allclose(found.consensus, mask[0], atol=1e-6)
    np.testing.assert_allclose([found.sensitivity, found.specificity], 1)


def test_nothing_drawn_and_all_drawn_are_answers():
    nothing, everything = staple(np.zeros((2, 4, 4), dtype=bool)), staple(np.ones((2, 4, 4), dtype=bool))
    assert (nothing.consensus == 0).all()
    assert np.isnan(nothing.sensitivity).all()
    assert (everything.consensus == 1).all()
    assert np.isnan(everything.specificity).all()


def test_what_are_no_masks_of_several_raters_is_refused():
    with pytest.raises(InvalidArgument, match="at least two"):
        staple(np.ones((1, 4), dtype=bool))
    with pytest.raises(InvalidArgument, match="0 and 1"):
        staple(np.array([[0, 2], [0, 1]]))
    with pytest.raises(InvalidArgument, match="0 and 1"):
        staple(np.array([[0.0, np.nan], [0, 1]]))
    for wrong in (np.ones(3, dtype=bool), np.ones((2, 0), dtype=bool)):
        with pytest.raises(ShapeMismatch, match="samples in it"):
            staple(wrong)
