import numpy as np
import pandas as pd
import pytest
from sklearn import metrics

from hypercolumn.errors import InvalidArgument
from hypercolumn.evaluation.predictions import Predictions, classification_row, regression_row, segmentation_row
from hypercolumn.evaluation.score import Better
from hypercolumn.evaluation.scores import headline, headline_score, heterogeneity_by, scores, scores_by


def classified(target_kind="class", *, classes=2, patients=24, each=5, seed=0):
    chance = np.random.default_rng(seed)
    rows = {}
    for index in range(patients * each):
        patient = index % patients
        if target_kind == "labels":
            truth = chance.integers(0, 2, classes)
            probabilities = 1 / (1 + np.exp(-(2.0 * truth - 1 + chance.normal(size=classes))))
        else:
            truth = int(chance.integers(0, classes))
            logits = 1.5 * np.eye(classes)[truth] + chance.normal(size=classes)
            probabilities = np.exp(logits) / np.exp(logits).sum()
        who = {"record": f"r{index}", "fold": str(patient % 3), "unit": f"p{patient}", "site": f"s{patient % 4}"}
        rows[f"r{index}"] = who | classification_row(truth, probabilities)
    names = tuple(f"c{index}" for index in range(classes))
    return Predictions.from_rows(rows, target_kind=target_kind, classes=names, groups=("site",))


def segmented(*, classes=2, patients=12, probabilities=True, seed=0):
    chance = np.random.default_rng(seed)
    names = ("background", *(f"c{index}" for index in range(1, classes)))
    rows = {}
    for index in range(2 * patients):
        truth = chance.integers(0, classes, (10, 10))
        predicted = np.where(chance.random((10, 10)) < 0.2, chance.integers(0, classes, (10, 10)), truth)
        given = np.stack([0.9 * (predicted == one) + 0.1 / classes for one in range(classes)])
        numbers = segmentation_row(truth, predicted, given if probabilities else None, classes=names)
        who = {"record": f"r{index}", "fold": "1", "unit": f"p{index % patients}", "site": f"s{index % 2}"}
        rows[f"r{index}"] = who | numbers
    return Predictions.from_rows(rows, target_kind="mask", classes=names, groups=("site",))


def measured(*, patients=24, each=5, seed=0, unit="mm"):
    """Patients with one to `each` records."""
    chance = np.random.default_rng(seed)
    rows = {}
    for patient in range(patients):
        usual = chance.normal(50, 10)
        for number in range(1 + patient % each):
            truth = usual + chance.normal(0, 4)
            who = {"record": f"r{patient}-{number}", "fold": "1", "unit": f"p{patient}", "site": f"s{patient % 4}"}
            rows[f"r{patient}-{number}"] = who | regression_row(truth, 0.8 * truth + 11 + chance.normal(0, 5))
    return Predictions.from_rows(rows, target_kind="number", classes=(), groups=("site",), measured_in=unit)


def by_name(found):
    return {(score.metric, score.label): score for score in found}


def tables():
    return [
        classified(),
        classified(classes=6),
        classified("grade", classes=4),
        classified("labels", classes=3),
        segmented(),
        segmented(classes=3),
        measured(),
    ]


@pytest.mark.parametrize("predictions", tables(), ids=lambda table: f"{table.target_kind}{len(table.classes)}")
def test_every_figure_has_an_interval_around_it_and_its_n(predictions):
    found = scores(predictions, unit="patients")
    assert len(by_name(found)) == len(found)
    for score in found:
        assert score.low <= score.value <= score.high, score
        assert score.unit == "patients"
        assert 0 < score.units <= predictions.table["unit"].nunique()
        assert 0 < score.records <= len(predictions)
        assert score.method


@pytest.mark.parametrize("predictions", tables(), ids=lambda table: f"{table.target_kind}{len(table.classes)}")
def test_the_headline_comes_first_and_the_order_of_rows_does_not_matter(predictions):
    found = scores(predictions)
    assert found[0] == headline_score(predictions)
    assert found[0].metric == headline(predictions)
    shuffled = predictions.select(predictions.table.sample(frac=1, random_state=0).index)
    for one, other in zip(found, scores(shuffled), strict=True):
        assert (one.value, one.low, one.high) == pytest.approx((other.value, other.low, other.high))


def test_two_classes_are_those_of_scikit_learn():
    predictions = classified()
    truth, likely = predictions.table["truth"], predictions.table["p_1"]
    answered = likely > 0.5
    found = by_name(scores(predictions))
    expected = {
        ("AUROC", "c1"): metrics.roc_auc_score(truth, likely),
        ("AUPRC", "c1"): metrics.average_precision_score(truth, likely),
        ("balanced accuracy", ""): metrics.balanced_accuracy_score(truth, answered),
        ("F1", "c1"): metrics.f1_score(truth, answered),
        ("sensitivity", "c1"): metrics.recall_score(truth, answered),
        ("specificity", "c1"): metrics.recall_score(truth, answered, pos_label=0),
        ("Brier score", ""): metrics.brier_score_loss(truth, likely),
    }
    for name, value in expected.items():
        assert found[name].value == pytest.approx(value), name
    assert set(found) == {*expected, ("expected calibration error", "")}


def test_several_classes_are_those_of_scikit_learn():
    predictions = classified("grade", classes=6)
    truth = predictions.table["truth"].to_numpy()
    chances = predictions.table[[f"p_{index}" for index in range(6)]].to_numpy()
    answered = chances.argmax(axis=1)
    found = by_name(scores(predictions))
    mean = "mean over classes"
    expected = {
        ("quadratic weighted kappa", ""): metrics.cohen_kappa_score(truth, answered, weights="quadratic"),
        ("balanced accuracy", ""): metrics.balanced_accuracy_score(truth, answered),
        ("F1", mean): metrics.f1_score(truth, answered, average="macro"),
        ("AUROC", mean): metrics.roc_auc_score(truth, chances, multi_class="ovr"),
        ("top-3 accuracy", ""): metrics.top_k_accuracy_score(truth, chances, k=3),
        ("Brier score", ""): np.square(chances - np.eye(6)[truth]).sum(axis=1).mean(),
        ("F1", "c2"): metrics.f1_score(truth, answered, average=None)[2],
        ("sensitivity", "c2"): metrics.recall_score(truth, answered, average=None)[2],
        ("AUROC", "c2"): metrics.roc_auc_score(truth == 2, chances[:, 2]),
    }
    for name, value in expected.items():
        assert found[name].value == pytest.approx(value), name


def test_several_labels_are_those_of_scikit_learn():
    predictions = classified("labels", classes=3)
    truth = predictions.table[["truth_0", "truth_1", "truth_2"]].to_numpy()
    chances = predictions.table[["p_0", "p_1", "p_2"]].to_numpy()
    found = by_name(scores(predictions))
    mean = "mean over classes"
    assert found["AUROC", mean].value == pytest.approx(metrics.roc_auc_score(truth, chances))
    assert found["AUPRC", mean].value == pytest.approx(metrics.average_precision_score(truth, chances))
    assert found["F1", mean].value == pytest.approx(metrics.f1_score(truth, chances >= 0.5, average="macro"))
    assert found["AUROC", "c1"].value == pytest.approx(metrics.roc_auc_score(truth[:, 1], chances[:, 1]))


def test_numbers_are_those_of_scikit_learn_with_every_patient_of_one_weight():
    predictions = measured()
    truth, answer = predictions.table["truth"].to_numpy(), predictions.table["answer"].to_numpy()
    share = 1 / predictions.table.groupby("unit")["unit"].transform("size").to_numpy()
    found = by_name(scores(predictions, unit="patients"))
    error = answer - truth
    centred = [values - np.average(values, weights=share) for values in (truth, answer)]
    products = [np.average(one * other, weights=share) for one in centred for other in centred]
    bias = np.average(error, weights=share)
    deviation = np.sqrt(np.average((error - bias) ** 2, weights=share) * 24 / 23)
    expected = {
        "mean absolute error (mm)": metrics.mean_absolute_error(truth, answer, sample_weight=share),
        "root mean square error (mm)": metrics.root_mean_squared_error(truth, answer, sample_weight=share),
        "R^2": metrics.r2_score(truth, answer, sample_weight=share),
        "Pearson correlation": products[1] / np.sqrt(products[0] * products[3]),
        "bias (mm)": bias,
        "limit of agreement, lower (mm)": bias - 1.96 * deviation,
        "limit of agreement, upper (mm)": bias + 1.96 * deviation,
    }
    for name, value in expected.items():
        assert found[name, ""].value == pytest.approx(value), name
    assert {name for name, _ in found} == {*expected, "Spearman correlation"}
    assert all(score.units == 24 for score in found.values())


def test_with_one_record_a_patient_numbers_are_the_everyday_figures():
    predictions = measured(each=1)
    truth, answer = predictions.table["truth"], predictions.table["answer"]
    found = by_name(scores(predictions))
    assert found["Pearson correlation", ""].value == pytest.approx(truth.corr(answer))
    assert found["Spearman correlation", ""].value == pytest.approx(truth.corr(answer, method="spearman"))
    upper = (answer - truth).mean() + 1.96 * (answer - truth).std(ddof=1)
    assert found["limit of agreement, upper (mm)", ""].value == pytest.approx(upper)


def test_a_number_without_a_unit_has_a_plain_name():
    assert headline(measured(unit="")) == "mean absolute error"


def numbered(truth, answer):
    rows = {
        str(index): {"record": str(index), "fold": "1", "unit": str(index)} | regression_row(*pair)
        for index, pair in enumerate(zip(truth, answer, strict=True))
    }
    return Predictions.from_rows(rows, target_kind="number", classes=())


def test_where_all_numbers_are_alike_nothing_is_explained_and_errors_stay_defined():
    found = by_name(scores(numbered([0.1] * 12, np.linspace(0, 1, 12))))
    assert found["R^2", ""].value is None
    assert found["R^2", ""].note == "all numbers known are alike, so that there is nothing to explain"
    assert found["Pearson correlation", ""].value is None
    assert found["Spearman correlation", ""].value is None
    assert found["mean absolute error", ""].low is not None


def test_one_answer_for_all_explains_nothing_and_correlates_with_nothing():
    truth = np.linspace(0, 1, 12)
    found = by_name(scores(numbered(truth, np.full(12, truth.mean()))))
    assert found["R^2", ""].value == pytest.approx(0)
    assert "or all answers, are alike" in found["Spearman correlation", ""].note


def test_all_numbers_right_is_an_error_of_nought_without_an_interval():
    found = by_name(scores(numbered(range(12), range(12))))
    assert (found["mean absolute error", ""].value, found["R^2", ""].value) == (0, 1)
    assert found["mean absolute error", ""].low is None
    assert "no interval" in found["mean absolute error", ""].note


def test_one_patient_who_alone_differs_leaves_r2_without_an_interval():
    found = by_name(scores(numbered([7.0] + [5.1] * 11, np.linspace(4, 6, 12))))
    assert found["R^2", ""].value is not None
    assert found["R^2", ""].low is None


def test_every_figure_knows_which_way_it_is_better():
    lower = {"mean absolute error (mm)", "root mean square error (mm)", "Brier score", "expected calibration error"}
    lower |= {"surface distance (samples)", "surface distance, 95th percentile (samples)"}
    for predictions in tables():
        for score in scores(predictions):
            if score.metric.startswith(("bias", "limit")):
                assert score.better is Better.NEARER_ZERO
            else:
                assert (score.better is Better.LOWER) == (score.metric in lower), score.metric


def masks(*pairs, classes=("background", "nucleus"), units=None, **row):
    rows = {}
    for index, (truth, predicted) in enumerate(pairs):
        unit = str(index) if units is None else units[index]
        numbers = segmentation_row(np.array(truth), np.array(predicted), classes=classes, **row)
        rows[str(index)] = {"record": str(index), "fold": "1", "unit": unit} | numbers
    return Predictions.from_rows(rows, target_kind="mask", classes=classes)


def test_pooled_dice_weighs_samples_and_mean_dice_weighs_patients():
    # anna: one of one found, in two records; ben: 2 of 8 found
    predictions = masks(
        ([1, 0, 0], [1, 0, 0]), ([0, 0, 0], [0, 0, 0]), ([1] * 8, [1] * 2 + [0] * 6), units=["anna", "anna", "ben"]
    )
    found = by_name(scores(predictions, unit="patients"))
    assert found["Dice", "nucleus"].value == pytest.approx(2 * 3 / (2 * 3 + 6))
    assert found["IoU", "nucleus"].value == pytest.approx(3 / 9)
    assert found["Dice, mean over patients", "nucleus"].value == pytest.approx((1 + 2 * 2 / (2 * 2 + 6)) / 2)


def test_units_without_the_class_are_left_out_and_n_says_so():
    nothing = ([0, 0, 0], [0, 0, 0])
    predictions = masks(([1, 1, 0], [1, 0, 0]), nothing, ([0, 1, 1], [0, 1, 1]), nothing)
    for name in ("Dice", "Dice, mean over units", "IoU"):
        found = by_name(scores(predictions))[name, "nucleus"]
        assert (found.units, found.records) == (2, 2)


def test_a_class_in_no_truth_and_no_prediction_is_undefined_in_words():
    found = by_name(scores(masks(([0, 1], [0, 1]), ([1, 0], [1, 0]), classes=("background", "a", "b"))))
    assert found["Dice", "b"].value is None
    assert found["Dice", "b"].note == "the class is in no truth and in no prediction"
    assert str(found["Dice", "b"]) == "undefined (the class is in no truth and in no prediction)"
    assert found["Dice", "mean over classes"].value == 1


def test_a_class_predicted_in_vain_is_zero():
    found = by_name(scores(masks(([0, 0], [0, 1]), ([0, 0], [1, 0]))))
    assert found["Dice", "nucleus"].value == 0


def test_a_missed_record_has_no_distance_and_the_note_says_how_many():
    predictions = masks(([1, 0, 0], [0, 1, 0]), ([1, 0, 0], [0, 0, 1]), ([1, 0, 0], [0, 0, 0]))
    found = by_name(scores(predictions))["surface distance (samples)", "nucleus"]
    assert found.value == 1.5
    assert found.units == 2
    assert "1 of 3 records have no surface" in found.note


def test_distances_in_different_units_are_not_averaged():
    one, other = masks(([1, 0], [0, 1])), masks(([1, 0], [0, 1]), units=["b"], spacing=(0.5,), spacing_unit="um")
    table = pd.concat([one.table, other.table.set_axis(["b"])])
    found = by_name(scores(Predictions(table, "mask", one.classes)))["surface distance", "nucleus"]
    assert found.value is None
    assert "measured in samples and in um" in found.note


def test_one_class_alone_cannot_be_ranked_and_nothing_is_raised():
    rows = {
        str(i): {"record": str(i), "fold": "1", "unit": str(i)} | classification_row(0, [0.6, 0.4]) for i in range(12)
    }
    found = by_name(scores(Predictions.from_rows(rows, target_kind="class", classes=("no", "yes"))))
    assert found["AUROC", "yes"].value is None
    assert found["AUROC", "yes"].note == "no record has it, so that nothing can be ranked"
    assert found["sensitivity", "yes"].note == "nobody has yes"
    assert found["specificity", "yes"].value == 1
    assert "nobody has yes" in found["balanced accuracy", ""].note


def test_one_grade_alone_has_no_kappa():
    rows = {
        str(i): {"record": str(i), "fold": "1", "unit": str(i)} | classification_row(1, [0.1, 0.8, 0.1])
        for i in range(12)
    }
    found = scores(Predictions.from_rows(rows, target_kind="grade", classes=("a", "b", "c")))[0]
    assert (found.metric, found.value) == ("quadratic weighted kappa", None)
    assert found.note == "answers and truth are all one class"


def test_few_units_are_said_to_be_few_in_the_readers_word():
    assert "only 6 patients" in scores(segmented(patients=6), unit="patients")[1].note
    assert "only 12 patients" in scores(segmented(patients=12), unit="patients")[0].note  # pooled Dice needs more
    assert scores(segmented(patients=12), unit="patients")[1].note == ""


def test_windows_of_one_patient_do_not_narrow_the_interval():
    predictions = classified()
    copies = [predictions.table.set_axis([f"{name}-{copy}" for name in predictions.table.index]) for copy in range(5)]
    many = Predictions(pd.concat(copies), "class", predictions.classes)
    one, five = headline_score(predictions), headline_score(many)
    assert (five.value, five.low, five.high) == pytest.approx((one.value, one.low, one.high))
    assert five.records == one.records


def test_scores_by_site_are_the_scores_of_each_site():
    predictions = classified()
    found = scores_by(predictions, "site", unit="patients")
    assert list(found) == ["s0", "s1", "s2", "s3"]
    alone = predictions.select(predictions.table.index[predictions.table["site"] == "s2"])
    assert found["s2"] == headline_score(alone, unit="patients")


def test_another_metric_and_label_may_be_asked_for():
    predictions = segmented(classes=3)
    found = scores_by(predictions, "site", metric="IoU", label="c2")
    assert {(score.metric, score.label) for score in found.values()} == {("IoU", "c2")}
    with pytest.raises(InvalidArgument, match="use one of Dice"):
        scores_by(predictions, "site", metric="dice")
    with pytest.raises(InvalidArgument, match="column"):
        scores_by(predictions, "hospital")


def test_a_site_where_the_network_fails_is_heterogeneous_and_chance_is_not():
    predictions = classified(patients=40, each=8)
    alike = heterogeneity_by(predictions, "site")
    table = predictions.table.copy()
    spoilt = table["site"] == "s1"
    table.loc[spoilt, ["p_0", "p_1"]] = table.loc[spoilt, ["p_1", "p_0"]].to_numpy()
    different = heterogeneity_by(Predictions(table, "class", predictions.classes, ("site",)), "site")
    assert alike.p > 0.01
    assert different.p < 1e-4
    assert different.i_squared > 0.8
    assert (
        "not independent"
        in heterogeneity_by(
            Predictions(
                table.assign(
                    half=[str(i % 2) for i in range(len(table))], unit=[str(i // 8) for i in range(len(table))]
                ),
                "class",
                ("no", "yes"),
                ("half",),
            ),
            "half",
        ).note
    )
