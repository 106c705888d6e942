from hypothesis import given
from hypothesis import strategies as st

from hypercolumn.audit.wording import listed, percent


@given(st.integers(0, 10_000), st.integers(1, 10_000))
def test_none_and_all_are_said_only_where_they_are_so(part: int, whole: int) -> None:
    part = min(part, whole)
    assert (percent(part, whole) == "0 %") == (part == 0)
    assert (percent(part, whole) == "100 %") == (part == whole)


def test_a_share_of_nothing_is_none() -> None:
    assert percent(0, 0) == "0 %"


@given(st.integers(0, 40), st.integers(1, 12))
def test_a_list_names_or_counts_every_name(number: int, most: int) -> None:
    text = listed((f"P{n}" for n in range(number)), most=most)
    shown = text.count("P")
    rest = int(text.split(" and ")[1].split()[0]) if " more" in text else 0
    assert shown == min(number, most)
    assert shown + rest == number
