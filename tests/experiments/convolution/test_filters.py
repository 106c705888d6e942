import pytest

from hypercolumn.experiments.convolution.filters import filter_micrograph, filters_table


def test_smoothing_takes_noise_away_derivatives_find_outlines_and_sharpening_makes_noise_grow() -> None:
    rows = {row[0]: row[1:] for row in filters_table(filter_micrograph()).rows}
    for name, (band, constant, measured, expected, preferred) in rows.items():
        assert measured == pytest.approx(expected, rel=0.05), name
        assert constant == pytest.approx(1 if band == "low" or name == "sharpening" else 0)
        assert preferred > 1, name
    assert rows["box"][2] < 0.25
    assert rows["sharpening"][2] > 5
    assert rows["Sobel"][4] > 4
    assert {name: row[0] for name, row in rows.items() if row[0] == "low"}.keys() == {"box", "Gaussian"}
