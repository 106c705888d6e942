"""The plan: each choice follows from the training fingerprint, says why, and obeys the study file."""

import json
from dataclasses import replace

import numpy as np
import pytest

from hypercolumn.convolution import receptive_field
from hypercolumn.data import ClassTarget, InstancesTarget, MaskTarget, NumberTarget
from hypercolumn.errors import SplitError
from hypercolumn.networks import MaskRCNN
from hypercolumn.study.fingerprint import Fingerprint, ObjectForm, object_form
from hypercolumn.study.plan import Plan, _way_to_objects, build_task, make_plan
from hypercolumn.study.study_file import TrainingSection
from hypercolumn.tasks import Classification, Detection, Regression

MASK = MaskTarget(("background", "nucleus"), (0, 1))
SEEN = Fingerprint(
    records=40,
    units=20,
    dims=2,
    channels=1,
    smallest=(256, 256),
    median=(512, 512),
    shift=0.05,
    counts=(9e6, 1e6),
    class_units=(20, 20),
    object_size=20.0,
)


def plan(seen: Fingerprint = SEEN, target: object = MASK, **more: object) -> Plan:
    settings = TrainingSection(**more.pop("wanted", {}))  # type: ignore[arg-type]
    return make_plan(seen, target, settings, by_region=False, **more)  # type: ignore[arg-type]


def test_every_choice_has_its_reason_and_the_plan_comes_back_from_its_record() -> None:
    made = plan()
    assert all(choice.why for choice in made.choices)
    assert Plan.from_dict(made.to_dict()) == replace(made, arguments=dict(made.arguments))


def test_what_the_study_file_says_is_obeyed_and_said() -> None:
    made = plan(wanted={"window": (64, 96), "batch": 3, "width": 8, "depth": 2, "learning_rate": 0.5})
    assert (made.window, made.batch, made.learning_rate) == ((64, 96), 3, 0.5)
    assert (made.arguments["width"], made.arguments["depth"]) == (8, 2)
    assert sum(choice.why == "the study file says so" for choice in made.choices) == 5


def test_the_kind_of_answer_chooses_the_network() -> None:
    assert plan().network == "unet"
    assert plan(target=ClassTarget(("a", "b"))).network == "resnet"


def test_larger_objects_get_larger_windows_and_no_window_exceeds_small_images_much() -> None:
    small, large = plan(replace(SEEN, object_size=5.0)), plan(replace(SEEN, object_size=60.0))
    assert small.window[0] < large.window[0]
    assert plan(replace(SEEN, median=(70, 70))).window == (64, 64)


def test_scanners_that_differ_are_normalized_by_image() -> None:
    assert plan(replace(SEEN, shift=2.0)).normalization == "image"
    assert plan(replace(SEEN, shift=0.01)).normalization == "cohort"


@pytest.mark.parametrize("gap", [30, 60, 110, 250])
def test_no_network_is_planned_that_sees_further_than_the_gap(gap: int) -> None:
    made = plan(sees_at_most=gap)
    assert max(receptive_field(made.build(0), (256, 256)).largest) <= gap


def test_a_gap_that_no_network_respects_is_an_error_with_numbers() -> None:
    with pytest.raises(SplitError, match=r"sees \d+ samples, the gap is 5"):
        plan(sees_at_most=5)


def test_rare_classes_are_weighted_and_only_in_training() -> None:
    rare = plan(replace(SEEN, counts=(1e6, 1e3)))
    weights = rare.task["class_weights"]
    assert weights[1] > weights[0]
    assert build_task(rare.task).channels == 2
    assert plan(target=ClassTarget(("a", "b")), seen=replace(SEEN, counts=(90, 10), object_size=None)).balanced_sampling


def test_windows_of_rare_sites_are_drawn_more_often_where_sites_differ_much_in_size() -> None:
    assert plan(replace(SEEN, sites=(70, 16, 1))).balanced_sampling
    assert not plan(replace(SEEN, sites=(30, 20, 16))).balanced_sampling
    assert not plan(replace(SEEN, sites=())).balanced_sampling
    assert not plan(replace(SEEN, sites=(70, 16, 1)), wanted={"imbalance": "none"}).balanced_sampling


def test_what_varies_in_the_training_records_is_varied_in_augmentation() -> None:
    assert plan().augmentation == {}
    varied = plan(replace(SEEN, channels=3, size_spread=1.5, grey_share=0.8))
    assert varied.augmentation == {"scale": 0.5, "greying": True}


def test_a_number_is_answered_in_deviations_of_the_training_side_and_nothing_is_weighed() -> None:
    seen = replace(SEEN, counts=(), class_units=(), object_size=None, size_spread=2.0, mean=12.0, deviation=3.0)
    made = plan(seen, NumberTarget("mm"))
    assert build_task(made.task) == Regression("mm", mean=12.0, std=3.0)
    assert made.network == "resnet"
    assert made.arguments["classes"] == 1
    assert not made.balanced_sampling
    assert made.augmentation["scale"] == 0
    assert "imbalance" not in {choice.what for choice in made.choices}
    assert Plan.from_dict(made.to_dict()).task == made.task


def test_first_weights_depend_on_the_seed_alone() -> None:
    first, second, other = (plan().build(seed).state_dict() for seed in (1, 1, 2))
    assert all((first[name] == second[name]).all() for name in first)
    assert any((first[name] != other[name]).any() for name in first)


def test_several_processes_are_told_about_batch_statistics() -> None:
    made = plan(wanted={"devices": 2})
    assert any(choice.what == "batch statistics" and "per process" in choice.value for choice in made.choices)


def test_the_form_of_objects_is_seen_and_the_plan_says_why_a_watershed_will_do() -> None:
    y, x = np.mgrid[:40, :60]
    round_ones = ((y - 20) ** 2 + (x - 18) ** 2 < 121) * 1 + ((y - 20) ** 2 + (x - 40) ** 2 < 100) * 2
    hooked = np.zeros((40, 60), dtype=int)
    hooked[5:35, 5:9], hooked[31:35, 5:30] = 1, 1
    hooked[5:35, 9:13], hooked[5:9, 9:40] = 2, 2
    discs, hooks = object_form([round_ones]), object_form([hooked])
    assert discs is not None
    assert hooks is not None
    assert (discs.count, discs.touching) == (2, 0)
    assert discs.diameter == pytest.approx(20.8, abs=0.5)
    assert discs.solidity > 0.9 > 0.6 > hooks.solidity
    assert hooks.touching == 1
    assert "hardly touch" in _way_to_objects(discs, "unet").why
    assert "mask_rcnn" in _way_to_objects(hooks, "unet").why
    assert object_form([np.zeros((4, 4), dtype=int)]) is None


HOOKS = ObjectForm(count=12, diameter=40, touching=0.6, solidity=0.6)
INSTANCES = InstancesTarget()


def test_objects_that_a_watershed_would_cut_at_their_waists_get_a_mask_rcnn() -> None:
    made = plan(replace(SEEN, form=HOOKS), INSTANCES)
    assert made.network == "mask_rcnn"
    assert made.task == {"name": "detection", "classes": ("object",), "anchors": [16.0, 32.0, 64.0, 128.0]}
    [way] = [choice for choice in made.choices if choice.what == "objects"]
    assert "Mask R-CNN" in way.value
    assert "waists" in way.why
    assert isinstance(made.build(0), MaskRCNN)
    again = Plan.from_dict(json.loads(json.dumps(made.to_dict())))
    assert isinstance(build_task(again.task), Detection)
    assert isinstance(again.build(0), MaskRCNN)


@pytest.mark.parametrize(
    "other",
    [
        {"solidity": 0.95},
        {"touching": 0.0},
        {"count": 900},
    ],
)
def test_round_apart_or_many_objects_get_a_u_net(other: dict[str, float]) -> None:
    assert plan(replace(SEEN, form=replace(HOOKS, **other)), INSTANCES).network == "unet"


def test_the_study_file_chooses_between_the_two() -> None:
    assert plan(replace(SEEN, form=HOOKS), INSTANCES, wanted={"network": "unet"}).network == "unet"
    assert plan(replace(SEEN, form=None), INSTANCES, wanted={"network": "mask_rcnn"}).network == "mask_rcnn"
    assert plan(replace(SEEN, form=HOOKS), INSTANCES, wanted={"test_time_flips": True}).network == "unet"
    assert plan(replace(SEEN, form=HOOKS), INSTANCES, wanted={"minutes": 2}).network == "unet", "too short for it"


def test_small_records_with_one_answer_are_trained_on_at_the_size_at_which_they_are_predicted() -> None:
    small = replace(SEEN, median=(28, 30), smallest=(28, 30), object_size=None)
    assert plan(small, ClassTarget(("well", "ill"))).window == (28, 30)
    assert plan(replace(small, median=(2000, 2000)), ClassTarget(("well", "ill"))).window == (512, 512)


def test_losses_that_bear_wrong_labels_are_those_of_the_study_file() -> None:
    target = ClassTarget(("well", "ill"))
    made = plan(target=target, wanted={"label_smoothing": 0.1, "generalised_cross_entropy": 0.7})
    task = build_task(json.loads(json.dumps(made.task)))
    assert isinstance(task, Classification)
    assert (task.label_smoothing, task.generalised) == (0.1, 0.7)
    plain = build_task(plan(target=target).task)
    assert isinstance(plain, Classification)
    assert (plain.label_smoothing, plain.generalised) == (0.0, None)
