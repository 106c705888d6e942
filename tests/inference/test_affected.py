"""The windows that a change can reach, against marking every place by hand."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from hypercolumn.inference.affected import SlidingWindow, Span

slides = st.builds(SlidingWindow, st.integers(1, 5), st.integers(1, 3), st.integers(1, 3), st.integers(0, 4))


def reads(slide: SlidingWindow, output: int) -> set[int]:
    return {output * slide.stride - slide.lead + slide.dilation * tap for tap in range(slide.kernel)}


@given(slides, st.integers(1, 30), st.integers(0, 29), st.integers(0, 4))
@settings(max_examples=150, deadline=None)
def test_every_output_that_reads_a_changed_place_lies_within_the_reached_ones(
    slide: SlidingWindow, outputs: int, low: int, wide: int
) -> None:
    changed = set(range(low, low + wide + 1))
    first, last = slide.reached(np.array([low]), np.array([low + wide]), outputs)
    touched = [output for output in range(outputs) if reads(slide, output) & changed]
    assert all(first[0] <= output <= last[0] for output in touched)
    if touched and slide.dilation == 1 and slide.stride <= slide.kernel:
        assert (first[0], last[0]) == (touched[0], touched[-1])


@given(slides, st.integers(1, 40), st.integers(0, 15), st.integers(0, 5))
@settings(max_examples=150, deadline=None)
def test_every_input_that_outputs_read_lies_within_what_is_said(
    slide: SlidingWindow, length: int, low: int, wide: int
) -> None:
    first, last = slide.read(np.array([low]), np.array([low + wide]), length)
    read = set().union(*(reads(slide, output) for output in range(low, low + wide + 1))) & set(range(length))
    assert all(first[0] <= place <= last[0] for place in read)


@given(st.lists(st.tuples(st.integers(0, 19), st.integers(0, 6)), min_size=1, max_size=8))
@settings(max_examples=100, deadline=None)
def test_a_span_holds_every_window_and_stays_on_the_axis(windows: list[tuple[int, int]]) -> None:
    length = 20
    low = np.array([begin for begin, _ in windows])
    high = np.minimum(low + np.array([wide for _, wide in windows]), length - 1)
    span = Span.covering(low, high, length)
    assert (span.starts <= low).all()
    assert (span.last >= high).all()
    assert (span.starts >= 0).all()
    assert (span.last < length).all()
    assert span.width == (high - low).max() + 1
