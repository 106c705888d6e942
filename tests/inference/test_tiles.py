from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from hypercolumn.convolution.receptive_field import field_of
from hypercolumn.convolution.tracing import trace
from hypercolumn.errors import NetworkError
from hypercolumn.inference.tiles import Losses, Tiling, check_tiles, cut_axis, cut_losses, right_outputs
from hypercolumn.networks import UNet


@given(
    extent=st.integers(1, 400),
    steps=st.integers(0, 60),
    alignment=st.sampled_from([1, 2, 8]),
    before=st.integers(0, 20),
    after=st.integers(0, 20),
)
def test_cuts_cover_each_output_once_begin_aligned_and_keep_only_what_is_right(
    extent: int, steps: int, alignment: int, before: int, after: int
) -> None:
    length = extent - steps * alignment
    if length <= 0:
        return
    cuts = cut_axis(extent, length, extent, Fraction(1), Losses(before, after, alignment))
    if cuts is None:
        assert length < before + after + 2 * alignment + 20
        return
    assert [cut.write[0] for cut in cuts] == [0, *(cut.write[1] for cut in cuts[:-1])]
    assert cuts[-1].write[1] == extent
    for cut in cuts:
        start, stop = cut.read
        assert start % alignment == 0
        assert stop - start == length
        assert cut.keep == (cut.write[0] - start, cut.write[1] - start)
        assert cut.keep[0] >= (before if start else 0)
        assert cut.keep[1] <= length - (after if stop < extent else 0)


def test_what_a_cut_costs_a_same_convolution_is_its_margin() -> None:
    graph = trace(nn.Sequential(nn.Conv1d(1, 1, 5, padding=2), nn.Conv1d(1, 1, 3, padding=1)), (30,))
    assert right_outputs(graph, 0, first=False, last=False) == (3, 27)
    assert right_outputs(graph, 0, first=True, last=False) == (0, 27)
    assert right_outputs(graph, 0, first=True, last=True) == (0, 30)


def test_a_network_without_padding_loses_nothing_at_a_cut() -> None:
    """All that comes out of a tile of the published U-Net is right."""
    graph = trace(UNet(1, 1, 1, width=1), (572,))
    assert right_outputs(graph, 0, first=False, last=False) == (0, 388)


def test_more_memory_never_costs_more() -> None:
    tiling = Tiling((512, 384), (512, 384), (500, 384), (Fraction(1),) * 2, (Losses(40, 40, 16),) * 2)
    volumes = [plan.volume for size in range(120, 500, 20) if (plan := tiling.cheapest(size**2)) is not None]
    assert volumes == sorted(volumes, reverse=True)
    assert tiling.cut(tiling.smallest()) is not None


def test_a_misaligned_tile_is_refused() -> None:
    network = UNet(1, 1, 2, width=1, depth=2, padding="same")
    graph = trace(network, (128,))
    field = field_of(graph)
    plan = Tiling((128,), (128,), (128,), field.stride, cut_losses(graph, field)).cut((96,))
    assert plan is not None
    tile = trace(network, (96,))
    check_tiles(plan, whole=graph, tile=tile, field=field)
    first, second = plan.cuts[0]
    moved = replace(second, read=(second.read[0] - 1, second.read[1] - 1))
    with pytest.raises(NetworkError, match="no multiple of 4"):
        check_tiles(replace(plan, cuts=((first, moved),)), whole=graph, tile=tile, field=field)
    greedy = replace(first, keep=(0, first.keep[1] + 4), write=(0, first.write[1] + 4))
    with pytest.raises(NetworkError, match="are right"):
        check_tiles(replace(plan, cuts=((greedy, second),)), whole=graph, tile=tile, field=field)
