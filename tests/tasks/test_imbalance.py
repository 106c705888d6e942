import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.utils.class_weight import compute_class_weight

from hypercolumn.errors import InvalidArgument
from hypercolumn.tasks import class_weights, group_sampling_weights, sampling_weights

counts_of_classes = st.lists(st.integers(1, 10_000), min_size=2, max_size=6)


@given(counts_of_classes)
@settings(max_examples=30, deadline=None)
def test_inverse_frequency_is_what_scikit_learn_calls_balanced(counts: list[int]) -> None:
    labels = np.repeat(np.arange(len(counts)), np.minimum(counts, 50))
    expected = compute_class_weight("balanced", classes=np.arange(len(counts)), y=labels)
    np.testing.assert_allclose(class_weights(np.bincount(labels), power=1.0), expected)


@given(counts_of_classes, st.floats(0, 2))
@settings(max_examples=50, deadline=None)
def test_the_mean_weight_of_an_example_is_one(counts: list[int], power: float) -> None:
    weights = class_weights(counts, power=power)
    assert np.average(weights, weights=counts) == pytest.approx(1)


@given(counts_of_classes, st.floats(0, 2))
@settings(max_examples=50, deadline=None)
def test_the_rarer_class_never_weighs_less(counts: list[int], power: float) -> None:
    weights = class_weights(counts, power=power)
    order = np.argsort(counts)
    assert (np.diff(weights[order]) <= 1e-9).all()


def test_ratio_of_weights_is_the_power_of_the_ratio_of_counts() -> None:
    for power in (0.0, 0.5, 1.0):
        weights = class_weights([10, 250], power=power)
        assert weights[0] / weights[1] == pytest.approx(25**power)


def test_counting_in_other_units_changes_nothing() -> None:
    np.testing.assert_allclose(class_weights([3, 9, 1]), class_weights([300, 900, 100]))


def test_a_class_that_nobody_has_weighs_as_much_as_the_rarest() -> None:
    weights = class_weights([90, 0, 10], power=1.0)
    assert weights[1] == weights[2]
    np.testing.assert_allclose(weights[[0, 2]], class_weights([90, 10], power=1.0))


@pytest.mark.parametrize("counts", [[], [0, 0], [-1, 2], [1, float("nan")], [[1, 2]]])
def test_counts_that_are_none_are_refused(counts: list) -> None:
    with pytest.raises(InvalidArgument, match="counts"):
        class_weights(counts)


labelled = st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 4)), min_size=1, max_size=40)


@given(labelled)
@settings(max_examples=60, deadline=None)
def test_each_class_is_drawn_equally_often(examples: list[tuple[str, int]]) -> None:
    labels, units = np.array([label for label, _ in examples]), [unit for _, unit in examples]
    weights = sampling_weights(labels, units)
    present = np.unique(labels)
    for label in present:
        assert weights[labels == label].sum() == pytest.approx(1 / len(present))


@given(labelled)
@settings(max_examples=60, deadline=None)
def test_within_a_class_each_unit_is_drawn_equally_often(examples: list[tuple[str, int]]) -> None:
    labels, units = np.array([label for label, _ in examples]), np.array([unit for _, unit in examples])
    weights = sampling_weights(labels, units)
    for label in np.unique(labels):
        shares = [weights[(labels == label) & (units == unit)].sum() for unit in np.unique(units[labels == label])]
        assert max(shares) == pytest.approx(min(shares))


@given(labelled)
@settings(max_examples=30, deadline=None)
def test_examples_of_a_unit_and_class_are_alike(examples: list[tuple[str, int]]) -> None:
    weights = sampling_weights([label for label, _ in examples], [unit for _, unit in examples])
    found: dict[tuple[str, int], float] = {}
    for example, weight in zip(examples, weights, strict=True):
        assert found.setdefault(example, weight) == weight


def test_a_patient_with_a_hundred_images_counts_as_one() -> None:
    weights = sampling_weights(["sick"] * 101 + ["well"], ["anna"] * 100 + ["ben", "carl"])
    assert weights[:100].sum() == pytest.approx(0.25)
    assert weights[100] == pytest.approx(0.25)
    assert weights[101] == pytest.approx(0.5)


def test_labels_and_units_of_different_number_are_refused() -> None:
    with pytest.raises(InvalidArgument, match="units"):
        sampling_weights(["a", "b"], ["x"])


@pytest.mark.parametrize(("power", "shares"), [(0.0, (0.8, 0.2)), (0.5, (2 / 3, 1 / 3)), (1.0, (0.5, 0.5))])
def test_groups_are_drawn_between_as_they_occur_and_all_alike(power: float, shares: tuple[float, float]) -> None:
    groups = np.array(["dark"] * 80 + ["stained"] * 20)
    weights = group_sampling_weights(groups, power=power)
    assert weights[groups == "dark"].sum() == pytest.approx(shares[0])
    assert weights[groups == "stained"].sum() == pytest.approx(shares[1])


@pytest.mark.parametrize("wrong", [{"groups": []}, {"groups": ["a"], "power": -0.1}, {"groups": ["a"], "power": 2.0}])
def test_groups_without_examples_and_powers_beyond_equality_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(InvalidArgument):
        group_sampling_weights(**wrong)
