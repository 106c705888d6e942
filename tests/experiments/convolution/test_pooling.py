import pytest

from hypercolumn.experiments.convolution.pooling import SHIFTS, Shifted, measure_pooling, pooling_table


@pytest.fixture(scope="module")
def results() -> dict[str, Shifted]:
    return {item.pooling.name: item for item in measure_pooling(images=2)}


def test_shifts_by_whole_strides_are_followed_exactly(results: dict[str, Shifted]) -> None:
    for item in results.values():
        if item.pooling.stride:
            for shift in SHIFTS:
                exact = shift % item.pooling.stride == 0
                assert (item.equivariance[shift] < 1e-10) == exact, (item.pooling.name, shift)


def test_pooling_changes_less_than_a_plain_stride_and_a_larger_window_less_than_a_smaller(
    results: dict[str, Shifted],
) -> None:
    for shift in (1, 2, 3):
        changed = {name: item.change[shift] for name, item in results.items()}
        for size in ("2", "4"):
            for kind in (f"max {size} / {size}", f"average {size} / {size}", f"blur, stride {size}"):
                assert changed[kind] < changed[f"stride {size}"]
        assert changed["max 4 / 4"] < changed["max 2 / 2"]
        assert max(changed["global max"], changed["global average"]) < 0.25 * changed["none"]


def test_the_next_layer_has_the_places_that_are_left(results: dict[str, Shifted]) -> None:
    places = {row[0]: row[-1] for row in pooling_table(tuple(results.values())).rows}
    assert places["none"] == 1
    assert places["max 2 / 2"] == places["stride 2"] == 1 / 4
    assert places["average 4 / 4"] == 1 / 16
