import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from hypercolumn.data.instance_map import as_instances, check_instances, separated
from hypercolumn.errors import LabelError


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 3))
def test_scattered_numbers_and_single_samples_are_those_of_a_loop(seed: int, dims: int) -> None:
    chance = np.random.default_rng(seed)
    labels = np.where(chance.random((14, 7, 5)[:dims]) < 0.3, chance.integers(1, 5, (14, 7, 5)[:dims]) * 300, 0)
    found = check_instances(labels.astype(np.uint16))
    numbers = [int(number) for number in np.unique(labels) if number]
    pieces = {number: ndimage.label(labels == number, np.ones((3,) * dims))[1] for number in numbers}
    assert found.objects == len(numbers)
    assert found.scattered == tuple(number for number in numbers if pieces[number] > 1)
    assert found.single == tuple(number for number in numbers if (labels == number).sum() == 1)
    assert found.largest_number == max(numbers, default=0)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000))
def test_separated_pieces_are_whole_and_keep_their_samples(seed: int) -> None:
    labels = np.random.default_rng(seed).integers(0, 4, (12, 12))
    apart = separated(labels)
    assert check_instances(apart).scattered == ()
    np.testing.assert_array_equal(apart > 0, labels > 0)
    for number in range(1, int(apart.max()) + 1):
        assert len(np.unique(labels[apart == number])) == 1


def test_touching_objects_of_two_numbers_stay_two() -> None:
    assert separated(np.array([[1, 1, 2, 2]])).tolist() == [[1, 1, 2, 2]]


def test_a_number_that_stands_in_two_places() -> None:
    assert check_instances(np.array([3, 0, 3, 5])).scattered == (3,)
    assert separated(np.array([3, 0, 3, 5])).tolist() == [1, 0, 2, 3]


def test_pieces_touch_by_corners() -> None:
    assert check_instances(np.eye(4, dtype=int)).scattered == ()


@pytest.mark.parametrize("shape", [(4, 4), (0, 4), (3, 3, 3)])
def test_a_map_without_objects_is_empty(shape: tuple[int, ...]) -> None:
    found = check_instances(np.zeros(shape, dtype=np.uint8))
    assert found.empty
    assert (found.objects, found.scattered, found.single, found.largest_number) == (0, (), (), 0)


def test_more_pieces_than_sixteen_bits_can_number() -> None:
    dust = np.zeros((520, 520), dtype=np.uint8)
    dust[::2, ::2] = 9
    assert separated(dust).max() == 67_600
    assert check_instances(separated(dust)).objects == 67_600


def test_a_mask_is_an_instance_map_of_one_object() -> None:
    assert as_instances(np.array([True, False])).tolist() == [1, 0]


@pytest.mark.parametrize(
    "wrong", [np.ones((2, 2)), np.array([[0, -3]]), np.array(3), np.zeros((1, 2, 3, 4), dtype=int)]
)
def test_what_is_no_instance_map_is_refused_with_its_place(wrong: np.ndarray) -> None:
    for check in (check_instances, separated):
        with pytest.raises(LabelError, match=r"(?s)instance map.*a\.png"):
            check(wrong, where="a.png")
