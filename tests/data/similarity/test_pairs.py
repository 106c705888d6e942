import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hypercolumn.data.similarity import AMONG, KINDS, Pair, Similarity, large_clusters
from hypercolumn.errors import InvalidArgument

names = st.sampled_from([f"record-{number}" for number in range(12)])
pairs = st.builds(
    lambda both, kind, score: Pair(*both, kind, "none", score),
    st.lists(names, min_size=2, max_size=2, unique=True),
    st.sampled_from(KINDS),
    st.floats(0, 1),
)
similarities = st.builds(
    lambda found, among, left_out: Similarity(tuple(found), among, tuple(left_out)),
    st.lists(pairs, max_size=15),
    st.sampled_from(AMONG),
    st.lists(st.sampled_from(KINDS), max_size=2, unique=True),
)


@given(similarities)
def test_clusters_are_the_connected_components(similarity: Similarity) -> None:
    """Against union by hand: joined sets merge until nothing merges any more."""
    sets = [{pair.first, pair.second} for pair in similarity.pairs]
    merging = True
    while merging:
        merging = False
        for one in sets:
            for other in sets:
                if one is not other and one & other:
                    one |= other
                    sets.remove(other)
                    merging = True
                    break
            if merging:
                break
    assert similarity.clusters() == tuple(sorted(tuple(sorted(one)) for one in sets))


@given(similarities)
def test_a_json_file_gives_the_similarity_back(similarity: Similarity) -> None:
    assert Similarity.from_dict(json.loads(json.dumps(similarity.to_dict()))) == similarity


def test_what_was_stored_before_it_said_what_was_compared_speaks_of_images() -> None:
    stored = {"pairs": [{"first": "a", "second": "b", "kind": "identical bytes"}]}
    assert Similarity.from_dict(stored) == Similarity((Pair("a", "b", "identical bytes"),), "images", ())


@given(similarities, similarities)
def test_two_searches_joined_keep_every_cluster_and_the_surest_of_each_pair(one: Similarity, two: Similarity) -> None:
    joined = one.joined(two)
    everything = (*one.pairs, *two.pairs)
    assert joined.clusters() == Similarity(everything).clusters()
    places = [(pair.first, pair.second) for pair in joined.pairs]
    assert len(places) == len(set(places))
    for pair in joined.pairs:
        same = [other for other in everything if (other.first, other.second) == (pair.first, pair.second)]
        assert KINDS.index(pair.kind) == min(KINDS.index(other.kind) for other in same)
    assert set(joined.left_out) == {*one.left_out, *two.left_out}


def test_what_was_compared_and_what_was_left_out_have_names() -> None:
    with pytest.raises(InvalidArgument, match="among"):
        Similarity((), "smells")
    with pytest.raises(InvalidArgument, match="left_out"):
        Similarity((), "signals", ("overlaps",))


def test_a_pair_named_the_other_way_round_is_the_same_pair_seen_from_the_other_side() -> None:
    assert Pair("b", "a", "near-duplicate", "turned by 90 degrees", 0.9) == Pair(
        "a", "b", "near-duplicate", "turned by 270 degrees", 0.9
    )
    assert Pair("b", "a", "near-duplicate", "flipped", 0.9) == Pair("a", "b", "near-duplicate", "flipped", 0.9)


def test_a_kind_that_does_not_exist_and_a_record_with_itself_are_refused() -> None:
    with pytest.raises(InvalidArgument, match="identical pixels"):
        Pair("a", "b", "similar")
    with pytest.raises(InvalidArgument, match="no pair with itself"):
        Pair("a", "a", "identical bytes")


@pytest.mark.parametrize("stored", [{}, {"pairs": [{"first": "a"}]}, {"pairs": None}, {"pairs": ["a"]}])
def test_what_to_dict_did_not_write_is_refused(stored: dict) -> None:
    with pytest.raises(InvalidArgument, match=r"Similarity\.to_dict"):
        Similarity.from_dict(stored)


def chain(length: int) -> Similarity:
    return Similarity(tuple(Pair(f"{n:03d}", f"{n + 1:03d}", "identical bytes") for n in range(length - 1)))


@pytest.mark.parametrize(
    ("units", "joined", "large"),
    [(100, 2, False), (100, 3, True), (300, 3, False), (300, 4, True), (1000, 10, False), (1000, 11, True)],
)
def test_a_cluster_is_large_above_two_units_and_above_one_percent(units: int, joined: int, large: bool) -> None:
    patients = {f"patient {number}": (f"{number:03d}",) for number in range(units)}
    assert bool(large_clusters(chain(joined), patients)) is large


def test_a_large_cluster_inside_one_patient_joins_nothing() -> None:
    patients = {"patient 1": tuple(f"{number:03d}" for number in range(50)), "patient 2": ("other",)}
    assert large_clusters(chain(50), patients) == ()
