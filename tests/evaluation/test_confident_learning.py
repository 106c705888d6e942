import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hypercolumn.data.planted import plant_noise
from hypercolumn.data.planted.noise import softmax
from hypercolumn.errors import InvalidArgument, ShapeMismatch
from hypercolumn.evaluation.confident_learning import calibrated, confident_learning, labels_as_classes

ASYMMETRIC = np.array([[0.9, 0.0, 0.05], [0.1, 0.95, 0.05], [0.0, 0.05, 0.9]])


def drawn(seed: int, classes: int, records: int = 60) -> tuple[np.ndarray, np.ndarray]:
    chance = np.random.default_rng(seed)
    return chance.integers(classes, size=records), softmax(chance.normal(size=(records, classes)))


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 5))
def test_the_joint_has_the_margin_of_the_given_labels_and_noise_sums_to_one_by_true_class(seed: int, classes: int):
    labels, chances = drawn(seed, classes)
    found = confident_learning(labels, chances)
    np.testing.assert_allclose(found.joint.sum(axis=1), np.bincount(labels, minlength=classes) / len(labels))
    held = found.prior > 0
    np.testing.assert_allclose(found.noise[:, held].sum(axis=0), 1)
    assert np.isnan(found.noise[:, ~held]).all()
    assert 0 <= found.share <= 1


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 4))
def test_suspects_are_those_counted_off_the_diagonal_the_most_doubtful_first(seed: int, classes: int):
    labels, chances = drawn(seed, classes)
    found = confident_learning(labels, chances)
    assert len(found.suspects) == found.counts.sum() - np.trace(found.counts)
    assert (np.diff(found.doubt) <= 0).all()
    for place, doubt in zip(found.suspects, found.doubt, strict=True):
        believed = found.believed[place]
        assert believed != labels[place]
        assert chances[place, believed] >= found.thresholds[believed] - 1e-6
        assert doubt == chances[place, believed] - chances[place, labels[place]]


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 4))
def test_renaming_classes_renames_the_answer_and_the_order_of_records_does_not_matter(seed: int, classes: int):
    labels, chances = drawn(seed, classes)
    chance = np.random.default_rng(seed + 1)
    names, order = chance.permutation(classes), chance.permutation(len(labels))
    found = confident_learning(labels, chances)
    renamed = confident_learning(np.argsort(names)[labels][order], chances[:, names][order])
    np.testing.assert_allclose(renamed.joint, found.joint[np.ix_(names, names)])
    assert sorted(order[renamed.suspects]) == sorted(found.suspects)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("noise", [ASYMMETRIC, None])
def test_a_tenth_of_separable_labels_is_found_with_its_joint(seed: int, noise: np.ndarray | None):
    """Joint within 0.01 of the planted one, and F1 of the suspects above 0.9."""
    planted = plant_noise(seed, rate=0.1, matrix=noise, accuracy=0.9999, units=600)
    found = confident_learning(planted.given, planted.probabilities)
    np.testing.assert_allclose(found.joint, planted.joint, atol=0.01)
    hit = planted.wrong[found.suspects].sum()
    assert 2 * hit / (len(found.suspects) + planted.wrong.sum()) > 0.9


def test_right_labels_of_separable_classes_are_not_suspected():
    planted = plant_noise(0, rate=0.0, accuracy=0.9999)
    found = confident_learning(planted.given, planted.probabilities)
    assert len(found.suspects) == 0
    assert found.share == pytest.approx(0)


def test_a_class_that_nobody_was_given_is_never_believed():
    chances = np.array([[0.1, 0.1, 0.8], [0.6, 0.3, 0.1], [0.2, 0.7, 0.1]])
    found = confident_learning(np.array([0, 0, 1]), chances)
    assert np.isinf(found.thresholds[2])
    assert (found.believed != 2).all()
    assert found.joint[2].sum() == found.joint[:, 2].sum() == 0


def test_a_class_of_which_the_model_is_never_sure_is_taken_for_right():
    np.testing.assert_allclose(calibrated(np.array([[0, 0], [0, 4]]), np.array([6, 4])), [[0.6, 0], [0, 0.4]])


def test_one_class_alone_and_one_answer_for_all_are_answers_too():
    equal = np.full((6, 2), 0.5)
    assert confident_learning(np.zeros(6, int), equal).share == 0
    assert confident_learning(np.array([0, 0, 0, 1, 1, 1]), equal).counts.sum() == 6


def test_a_label_of_several_is_two_classes():
    given_, chances = labels_as_classes(np.array([1, 0, 1]), np.array([0.9, 0.1, 0.2]))
    assert confident_learning(given_, chances).suspects.tolist() == []
    np.testing.assert_allclose(chances.sum(axis=1), 1)


@pytest.mark.parametrize(
    ("labels", "chances", "error", "words"),
    [
        ([0, 1], [[0.5, 0.5]], ShapeMismatch, "given classes"),
        ([0], [0.5], ShapeMismatch, "given classes"),
        ([], np.zeros((0, 2)), InvalidArgument, "at least one record"),
        ([0], [[1.0]], InvalidArgument, "two classes"),
        ([0, 1], [[0.5, 0.5], [0.5, 0.7]], InvalidArgument, "record 1 sum to 1.2"),
        ([0, 1], [[0.5, 0.5], [np.nan, 0.7]], InvalidArgument, "record 1 are not all between 0 and 1"),
        ([0], [[-0.5, 1.5]], InvalidArgument, "not all between"),
        ([2], [[0.5, 0.5]], InvalidArgument, "there are 2 classes"),
        ([-1], [[0.5, 0.5]], InvalidArgument, "there are 2 classes"),
        ([0.5], [[0.5, 0.5]], InvalidArgument, "class indices"),
    ],
)
def test_what_cannot_be_labels_and_probabilities_is_refused(labels, chances, error, words):
    with pytest.raises(error, match=words):
        confident_learning(np.array(labels), np.array(chances))
