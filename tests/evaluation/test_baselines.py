import numpy as np
import pandas as pd
import pytest
from scipy import ndimage

from hypercolumn.evaluation.baselines import OnDemand, baselines_for, best_baseline
from hypercolumn.evaluation.instances import instance_row
from hypercolumn.evaluation.overlap import counts, dice
from hypercolumn.evaluation.pixel_baselines import (
    GlobalThreshold,
    LogisticIntensities,
    MajorityOfSamples,
    NearestMeanColour,
    OtsuThreshold,
    best_threshold,
)
from hypercolumn.evaluation.predictions import Predictions, segmentation_row
from hypercolumn.evaluation.record_baselines import (
    ImageSize,
    MajorityOfRecords,
    MeanIntensities,
    MetadataAlone,
    ThumbnailPixels,
    thumbnail,
)
from hypercolumn.evaluation.score import Better, Score
from hypercolumn.evaluation.scores import scores

NOBODY = pd.DataFrame(index=range(6))
SHAPES = {1: (300,), 2: (40, 48), 3: (12, 14, 16)}


def blobs(dims, *, channels=1, contrast=2.0, shade=0.0, offsets=(0.0,), seed=0):
    """Six images with bright blobs, each with a light of its own that slopes one way or the other."""
    chance = np.random.default_rng(seed)
    images, targets = [], []
    for index in range(6):
        field = ndimage.gaussian_filter(chance.normal(size=SHAPES[dims]), 2.5)
        target = (field > np.quantile(field, 0.7)).astype(int)
        slope = np.linspace(-shade, shade, SHAPES[dims][-1]) * (-1) ** index
        clean = contrast * target + slope + offsets[index % len(offsets)]
        images.append(np.stack([clean + 0.2 * chance.normal(size=SHAPES[dims]) for _ in range(channels)]))
        targets.append(target)
    return images, targets


def reached(fitted, images, targets):
    rows = [
        counts(t, fitted.predict(i, pd.Series()).argmax(axis=0), classes=2)
        for i, t in zip(images, targets, strict=True)
    ]
    sums = (
        sum(getattr(row, name)[1] for row in rows) for name in ("true_positive", "false_positive", "false_negative")
    )
    return float(dice(*sums))


@pytest.mark.parametrize("dims", [1, 2, 3])
@pytest.mark.parametrize("sign", [1, -1])
def test_thresholds_find_bright_and_dark_regions_in_any_number_of_axes(dims, sign):
    images, targets = blobs(dims)
    images = [sign * image for image in images]
    for baseline in (GlobalThreshold(), OtsuThreshold(), LogisticIntensities(2)):
        fitted = baseline.fit(images[:3], targets[:3], NOBODY)
        assert reached(fitted, images[3:], targets[3:]) > 0.95, baseline


def test_the_channel_that_tells_is_found():
    images, targets = blobs(2)
    chance = np.random.default_rng(5)
    three = [
        np.concatenate([chance.normal(0, 5, image.shape), image, chance.normal(0, 5, image.shape)]) for image in images
    ]
    for baseline in (GlobalThreshold(), OtsuThreshold()):
        fitted = baseline.fit(three[:3], targets[:3], NOBODY)
        assert "channel 1" in fitted.note
        assert reached(fitted, three[3:], targets[3:]) > 0.95


def test_background_subtraction_helps_where_light_is_uneven():
    images, targets = blobs(2, shade=4.0)
    plain = GlobalThreshold().fit(images[:3], targets[:3], NOBODY)
    subtracted = GlobalThreshold(subtract=True).fit(images[:3], targets[:3], NOBODY)
    assert reached(subtracted, images[3:], targets[3:]) > reached(plain, images[3:], targets[3:]) + 0.1


def test_otsu_adapts_to_each_image_where_one_threshold_cannot():
    images, targets = blobs(2, offsets=(0.0, 20.0))
    one = GlobalThreshold().fit(images[:4], targets[:4], NOBODY)
    each = OtsuThreshold().fit(images[:4], targets[:4], NOBODY)
    assert reached(each, images[4:], targets[4:]) > reached(one, images[4:], targets[4:])


def test_the_best_threshold_is_the_best_of_all():
    chance = np.random.default_rng(1)
    values, wanted, weights = chance.integers(0, 12, 80).astype(float), chance.random(80) < 0.4, chance.random(80)
    tried = {}
    for threshold in np.arange(-0.5, 12):
        region = values > threshold
        hit, extra, missed = ((weights * part).sum() for part in (region & wanted, region & ~wanted, ~region & wanted))
        tried[threshold] = float(np.nan_to_num(dice(hit, extra, missed)))
    found, threshold = best_threshold(values, wanted, weights)
    assert found == pytest.approx(max(tried.values()))
    region = values > threshold
    again = 2 * (weights * (region & wanted)).sum() / ((weights * region).sum() + (weights * wanted).sum())
    assert again == pytest.approx(found)


def test_colours_tell_three_classes_apart():
    chance = np.random.default_rng(2)
    colours = np.array([[0.0, 0, 1], [0, 1, 0], [1, 0, 0]])
    targets = [chance.integers(0, 3, (20, 20)) for _ in range(4)]
    images = [np.moveaxis(colours[target] + 0.1 * chance.normal(size=(20, 20, 3)), -1, 0) for target in targets]
    for baseline in (NearestMeanColour(3), LogisticIntensities(3)):
        chances = baseline.fit(images[:2], targets[:2], NOBODY).predict(images[3], pd.Series())
        assert chances.shape == (3, 20, 20)
        np.testing.assert_allclose(chances.sum(axis=0), 1, rtol=1e-5)
        assert (chances.argmax(axis=0) == targets[3]).mean() > 0.98


def test_majority_is_the_share_of_each_class_everywhere():
    targets = [np.array([[0, 0], [0, 1]])] * 2
    chances = MajorityOfSamples(2).fit([], targets, NOBODY).predict(np.zeros((3, 5, 7)), pd.Series())
    assert chances.shape == (2, 5, 7)
    np.testing.assert_allclose(chances[1], 0.25)


def test_an_even_image_and_a_class_nobody_has_break_nothing():
    images, targets = [np.ones((1, 8, 8))] * 3, [np.zeros((8, 8), int)] * 3
    for baseline in baselines_for("mask", classes=2):
        chances = baseline.fit(images, targets, NOBODY).predict(images[0], pd.Series())
        assert chances.shape == (2, 8, 8)
        assert np.isfinite(chances).all()


def records(number=60, *, classes=2, seed=3):
    chance = np.random.default_rng(seed)
    targets = [index % classes for index in range(number)]
    images = [chance.normal(0, 1, (2, 16, 16)) for _ in targets]
    return images, targets, pd.DataFrame({"scanner": ["x"] * number})


def share_right(fitted, images, targets, metadata):
    chances = np.stack([fitted.predict(image, metadata.iloc[at]) for at, image in enumerate(images)])
    np.testing.assert_allclose(chances.sum(axis=1), 1)
    return (chances.argmax(axis=1) == targets).mean()


def test_brightness_is_told_by_intensities_alone():
    images, targets, metadata = records()
    images = [image + target for image, target in zip(images, targets, strict=True)]
    fitted = MeanIntensities("class", 2).fit(images[:40], targets[:40], metadata[:40])
    assert share_right(fitted, images[40:], targets[40:], metadata[40:]) == 1


def test_a_corner_is_told_by_a_thumbnail():
    images, targets, metadata = records(classes=3)
    for image, target in zip(images, targets, strict=True):
        image[:, :6, 5 * target : 5 * target + 5] += 2
    fitted = ThumbnailPixels("class", 3).fit(images[:40], targets[:40], metadata[:40])
    assert share_right(fitted, images[40:], targets[40:], metadata[40:]) > 0.9


def test_size_tells_where_sizes_differ_and_says_so_where_they_do_not():
    images, targets, metadata = records()
    sized = [np.zeros((1, 10 + 4 * target, 9)) for target in targets]
    fitted = ImageSize("class", 2).fit(sized[:40], targets[:40], metadata[:40])
    assert share_right(fitted, sized[40:], targets[40:], metadata[40:]) == 1
    assert "nothing to learn" in ImageSize("class", 2).fit(images, targets, metadata).note


def test_the_size_of_files_tells_too():
    images, targets, metadata = records()
    metadata["file_bytes"] = [1_000 + 500 * target for target in targets]
    fitted = ImageSize("class", 2).fit(images, targets, metadata)
    assert share_right(fitted, images, targets, metadata) == 1


def test_metadata_alone_tell_where_the_scanner_is_the_class_and_a_new_scanner_tells_nothing():
    images, targets, metadata = records()
    metadata = pd.DataFrame({"scanner": ["old" if target else "new" for target in targets], "age": range(60)})
    fitted = MetadataAlone("class", 2, ("scanner", "age")).fit(images, targets, metadata)
    assert share_right(fitted, images, targets, metadata) == 1
    unseen = fitted.predict(images[0], pd.Series({"scanner": "another", "age": np.nan}))
    assert unseen == pytest.approx([0.5, 0.5], abs=0.1)


def test_each_label_is_learnt_apart_and_one_that_nobody_has_stays_at_nought():
    images, first, metadata = records()
    images = [image + target for image, target in zip(images, first, strict=True)]
    targets = [np.array([target, 1 - target, 0]) for target in first]
    fitted = MeanIntensities("labels", 3).fit(images, targets, metadata)
    chances = np.stack([fitted.predict(image, metadata.iloc[0]) for image in images])
    assert ((chances[:, :2] > 0.5) == np.stack(targets)[:, :2]).all()
    assert (chances[:, 2] == 0).all()


def test_one_class_alone_in_training_is_answered_and_a_missing_one_has_no_chance():
    images, _, metadata = records(6)
    for baseline in baselines_for("class", classes=3, metadata=("scanner",)):
        alone = baseline.fit(images, [1] * 6, metadata).predict(images[0], metadata.iloc[0])
        np.testing.assert_array_equal(alone, [0, 1, 0])
        two = baseline.fit(images, [0, 2] * 3, metadata).predict(images[0], metadata.iloc[0])
        assert two[1] == 0
        assert two.sum() == pytest.approx(1)


def test_majority_of_records_is_their_share():
    images, _, metadata = records(4)
    chances = MajorityOfRecords("grade", 3).fit(images, [0, 0, 2, 0], metadata).predict(images[0], metadata.iloc[0])
    np.testing.assert_array_equal(chances, [0.75, 0, 0.25])


def test_a_thumbnail_keeps_the_mean_and_serves_any_number_of_axes():
    for shape in ((64,), (32, 48), (12, 18, 6)):
        image = np.random.default_rng(0).random((2, *shape))
        small = thumbnail(image)
        assert small.ndim == image.ndim
        assert small.mean() == pytest.approx(image.mean(), rel=0.05)
    np.testing.assert_allclose(thumbnail(np.random.default_rng(1).random((1, 32, 32))).mean(), 0.5, atol=0.05)
    assert thumbnail(np.ones((1, 3, 5))).shape == (1, 16, 16)  # smaller than the thumbnail: samples repeat


def test_each_image_is_read_once_and_none_is_kept():
    read = []

    def reader(name):
        read.append(name)
        return blobs(2)[0][int(name)]

    _, targets = blobs(2)
    names = [str(index) for index in range(6)]
    for baseline in baselines_for("mask", classes=2):
        read.clear()
        baseline.fit(OnDemand(names, reader), targets, NOBODY)
        assert read in ([], names)


@pytest.mark.parametrize("target_kind", ["mask", "instances"])
def test_baselines_are_scored_by_the_same_table_as_the_network(target_kind):
    images, targets = blobs(2, channels=3)
    classes = ("background", "nucleus")
    headlines = {}
    for baseline in baselines_for(target_kind, classes=2, channels=3):
        fitted = baseline.fit(images[:3], targets[:3], NOBODY)
        rows = {}
        for at, (image, target) in enumerate(zip(images[3:], targets[3:], strict=True)):
            chances = fitted.predict(image, NOBODY.iloc[at])
            row = segmentation_row(target, chances.argmax(0), chances, classes=classes)
            if target_kind == "instances":
                row |= instance_row(ndimage.label(target)[0], ndimage.label(chances.argmax(0))[0])
            rows[str(at)] = {"record": str(at), "fold": "1", "unit": str(at)} | row
        headlines[baseline.name] = scores(Predictions.from_rows(rows, target_kind=target_kind, classes=classes))[0]
    assert len(headlines) == 7
    assert best_baseline(headlines) != "majority class"
    assert headlines["majority class"].value == 0


def test_a_number_is_told_by_intensities_and_never_leaves_what_was_learnt():
    chance = np.random.default_rng(8)
    numbers = chance.uniform(2, 6, 60)
    images = [number + chance.normal(0, 0.5, (1, 16, 16)) for number in numbers]
    metadata = pd.DataFrame({"scanner": ["x"] * 60})
    fitted = MeanIntensities("number", 0).fit(images[:40], numbers[:40], metadata[:40])
    answers = np.array([fitted.predict(image, metadata.iloc[0]) for image in images[40:]])
    assert answers.shape == (20, 1)
    assert np.abs(answers[:, 0] - numbers[40:]).mean() < 0.1
    far = fitted.predict(np.full((1, 16, 16), 500.0), metadata.iloc[0])
    assert far == numbers[:40].max()


def test_metadata_alone_tell_a_number_where_the_scanner_does():
    images, targets, _ = records(30)
    numbers = [10.0 + 5 * target for target in targets]
    metadata = pd.DataFrame({"scanner": ["old" if target else "new" for target in targets]})
    fitted = MetadataAlone("number", 0, ("scanner",)).fit(images, numbers, metadata)
    for scanner, number in (("old", 15), ("new", 10)):
        assert fitted.predict(images[0], pd.Series({"scanner": scanner})) == pytest.approx([number], abs=0.1)


def test_baselines_of_a_number_answer_one_number_whatever_there_is_to_learn():
    images, _, metadata = records(6)
    for numbers in ([1.0, 2.0, 3.0, 4.0, 5.0, 60.0], [7.0] * 6):
        for baseline in baselines_for("number", classes=0, metadata=("scanner",)):
            for count in (1, 2, 6):
                fitted = baseline.fit(images[:count], numbers[:count], metadata[:count])
                answer = fitted.predict(images[0], metadata.iloc[0])
                assert answer.shape == (1,)
                assert min(numbers[:count]) <= answer[0] <= max(numbers[:count])
                assert isinstance(fitted.note, str)


def test_of_constants_the_median_has_the_least_absolute_error_and_the_mean_the_least_square():
    numbers = np.random.default_rng(9).exponential(3, 51)
    mean, median = (
        baseline.fit([], numbers, NOBODY).predict(None, None)[0] for baseline in baselines_for("number", classes=0)[:2]
    )
    assert mean == pytest.approx(numbers.mean())
    assert median == np.sort(numbers)[25]
    assert np.abs(numbers - median).mean() < np.abs(numbers - mean).mean()


def test_the_best_baseline_of_an_error_is_the_lowest():
    small, large = (
        Score("mean absolute error", value, None, None, "patients", 9, 9, better=Better.LOWER) for value in (0.4, 0.7)
    )
    assert best_baseline({"mean of training": large, "mean intensities": small}) == "mean intensities"


def test_no_baseline_is_best_where_none_is_defined():
    assert best_baseline({}) is None
