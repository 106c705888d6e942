import numpy as np
import pytest

from hypercolumn.audit import Severity, mask_noise, mask_suspects
from hypercolumn.errors import InvalidArgument
from hypercolumn.evaluation.annotated_objects import AnnotatedObjects


def cohort(forgotten: float, seed: int = 0, records: int = 80) -> tuple[dict[str, AnnotatedObjects], dict[str, str]]:
    """Two records a patient with ten objects each; of all objects a share was forgotten, false ones are doubtful."""
    chance = np.random.default_rng(seed)
    found = {}
    for number in range(records):
        real = chance.random(12) < 10 / 12
        sure = np.where(real, chance.uniform(0.7, 1, 12), chance.uniform(0.5, 0.8, 12))
        found[f"{number:02d}"] = AnnotatedObjects(
            sure, real & (chance.random(12) >= forgotten), int(real.sum()), 0, float(chance.lognormal(0, 0.2))
        )
    return found, {name: f"P{int(name) // 2}" for name in found}


def test_forgotten_objects_are_found_with_their_share():
    finding, outlines = mask_noise(*cohort(0.2), unit="patients")
    assert (finding.code, finding.severity) == ("A-MASKS-INCOMPLETE", Severity.WARNING)
    low, high = (float(end) for end in str(finding.evidence["95 % interval"]).split(" to "))
    assert low < 0.2 < high
    assert finding.groups
    assert outlines.severity is Severity.PASSED


def test_a_complete_annotation_passes_although_the_network_makes_up_objects():
    records, unit_of = cohort(0.0)
    assert any(not one.annotated.all() for one in records.values())
    assert [finding.severity for finding in mask_noise(records, unit_of)] == [Severity.PASSED] * 2


def test_an_outline_five_times_as_far_off_is_shown():
    records, unit_of = cohort(0.0)
    records["07"] = AnnotatedObjects(np.array([0.9]), np.array([True]), 1, 0, 9.0)
    finding = mask_noise(records, unit_of)[1]
    assert (finding.code, finding.severity, finding.groups) == ("A-MASKS-OUTLINES", Severity.NOTE, (("07",),))
    assert mask_suspects(records)[0] in {"07", *(n for n, one in records.items() if not one.annotated.all())}


@pytest.mark.parametrize("found", [cohort(0.2, records=6), ({}, {})])
def test_too_few_patients_are_not_checked(found):
    findings = mask_noise(*found, unit="patients")
    assert {finding.severity for finding in findings} == {Severity.NOT_CHECKED}
    assert all("at least 10 are needed" in finding.claim for finding in findings)


def test_a_record_without_a_unit_is_refused():
    records, unit_of = cohort(0.0)
    del unit_of["03"]
    with pytest.raises(InvalidArgument, match="have no unit"):
        mask_noise(records, unit_of)


def test_every_record_is_ranked_once_and_nothing_is_nothing():
    records, _ = cohort(0.1)
    assert sorted(mask_suspects(records)) == sorted(records)
    assert mask_suspects({}) == []
