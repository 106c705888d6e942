"""What similarity is as a value: pairs of records, and the clusters that the pairs join.

A cluster is a connected component of the graph whose edges are the pairs: if a is b, and b is c flipped, then all three
stay on one side. Of records that are identical only enough pairs are listed to join them, one with the next,
since a hundred empty tiles would make 4,950.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from hypercolumn.data.similarity.symmetries import inverse
from hypercolumn.errors import InvalidArgument

KINDS = ("identical bytes", "identical pixels", "identical", "near-duplicate", "overlap", "homologous")
"""How alike two records are, from the surest."""
AMONG = ("images", "signals", "sequences")
"""What the records are that were compared."""


@dataclass(frozen=True, order=True)
class Pair:
    """Two records that show the same thing.

    `transform` says in words what must be done to the second to lay it over the first; `score` is their correlation, 1
    where they are identical.

    >>> Pair("b.png", "a.png", "near-duplicate", "flipped", 0.998)
    Pair(first='a.png', second='b.png', kind='near-duplicate', transform='flipped', score=0.998)
    """

    first: str
    second: str
    kind: str
    transform: str = "none"
    score: float = 1.0

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise InvalidArgument("kind", self.kind, fix=f"use one of {', '.join(KINDS)}")
        if self.first == self.second:
            raise InvalidArgument("second", self.second, why="a record is no pair with itself")
        if self.second < self.first:
            first, second = self.second, self.first
            object.__setattr__(self, "first", first)
            object.__setattr__(self, "second", second)
            object.__setattr__(self, "transform", inverse(self.transform))


@dataclass(frozen=True)
class Similarity:
    """All pairs found in a cohort of images, signals or sequences; `left_out` are the kinds that were not looked for.

    >>> found = Similarity((Pair("a", "b", "identical bytes"), Pair("b", "c", "identical pixels")))
    >>> found.clusters()
    (('a', 'b', 'c'),)
    >>> Similarity.from_dict(found.to_dict()) == found
    True
    """

    pairs: tuple[Pair, ...] = ()
    among: str = "images"
    left_out: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.among not in AMONG:
            raise InvalidArgument("among", self.among, fix=f"use one of {', '.join(AMONG)}")
        unknown = [kind for kind in self.left_out if kind not in KINDS]
        if unknown:
            raise InvalidArgument("left_out", unknown, fix=f"use some of {', '.join(KINDS)}")
        object.__setattr__(self, "pairs", tuple(sorted(self.pairs)))
        object.__setattr__(self, "left_out", tuple(self.left_out))

    def joined(self, *others: "Similarity") -> "Similarity":
        """This and what other searches found among the same records: of one pair the surest kind is kept.

        >>> one = Similarity((Pair("a", "b", "near-duplicate", score=0.99),), "signals")
        >>> two = Similarity((Pair("a", "b", "overlap", score=0.99), Pair("a", "c", "overlap")), "signals")
        >>> [(pair.first, pair.second, pair.kind) for pair in one.joined(two).pairs]
        [('a', 'b', 'near-duplicate'), ('a', 'c', 'overlap')]
        """
        found = [pair for one in (self, *others) for pair in one.pairs]
        surest = {
            (pair.first, pair.second): pair
            for pair in sorted(found, key=lambda one: KINDS.index(one.kind), reverse=True)
        }
        left_out = tuple(kind for kind in KINDS if any(kind in one.left_out for one in (self, *others)))
        return Similarity(tuple(surest.values()), self.among, left_out)

    def clusters(self) -> tuple[tuple[str, ...], ...]:
        """The connected components, each sorted, in the order of their first record."""
        records = sorted({record for pair in self.pairs for record in (pair.first, pair.second)})
        if not records:
            return ()
        number = {record: index for index, record in enumerate(records)}
        first = [number[pair.first] for pair in self.pairs]
        second = [number[pair.second] for pair in self.pairs]
        graph = coo_array(([1] * len(first), (first, second)), shape=(len(records), len(records)))
        members: dict[int, list[str]] = {}
        for record, component in zip(records, connected_components(graph, directed=False)[1].tolist(), strict=True):
            members.setdefault(component, []).append(record)
        return tuple(sorted(tuple(cluster) for cluster in members.values()))

    def to_dict(self) -> dict[str, Any]:
        """Plain lists and numbers, for a JSON file."""
        return {"pairs": [asdict(pair) for pair in self.pairs], "among": self.among, "left_out": list(self.left_out)}

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> "Similarity":
        """What `to_dict` wrote; where it does not say what was compared, these were images."""
        try:
            pairs = tuple(Pair(**pair) for pair in stored["pairs"])
            return cls(pairs, stored.get("among", "images"), tuple(stored.get("left_out", ())))
        except (KeyError, TypeError):
            raise InvalidArgument("stored", stored, fix="give what Similarity.to_dict wrote") from None


def large_clusters(
    similarity: Similarity, units: Mapping[str, tuple[str, ...]], *, share: float = 0.01
) -> tuple[tuple[str, ...], ...]:
    """The clusters that would join so many units that a person should look before a split obeys them.

    A cluster is large when its records lie in more than max(2, share * number of units) units: joining two units is
    what a single pair does, and with fewer than 200 units 1 % would not even allow that. `units` maps each unit, made
    from lineage alone, to its records; a record in no unit counts as a unit of its own.

    >>> chain = Similarity((Pair("a", "b", "identical bytes"), Pair("b", "c", "identical bytes")))
    >>> large_clusters(chain, {"patient 1": ("a", "b"), "patient 2": ("c",)})
    ()
    >>> large_clusters(chain, {"patient 1": ("a",), "patient 2": ("b",), "patient 3": ("c",)})
    (('a', 'b', 'c'),)
    """
    if not 0 <= share <= 1:
        raise InvalidArgument("share", share, fix="give a share of the units between 0 and 1")
    unit_of = {record: unit for unit, records in units.items() for record in records}
    most = max(2.0, share * len(units))
    return tuple(cluster for cluster in similarity.clusters() if len(joined_units(cluster, unit_of)) > most)


def joined_units(cluster: tuple[str, ...], unit_of: Mapping[str, str]) -> set[str]:
    """The units that a cluster would join.

    >>> sorted(joined_units(("a", "b", "c"), {"a": "patient 1", "b": "patient 1", "c": "patient 2"}))
    ['patient 1', 'patient 2']
    """
    return {unit_of.get(record, record) for record in cluster}
