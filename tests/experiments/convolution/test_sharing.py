import numpy as np
import pytest
from torch import nn

from hypercolumn.convolution.layer import cross_correlation_layer
from hypercolumn.experiments.convolution.sharing import LAYERS, Maps, costs, field_table, layer_as_matrix, matrix_table
from hypercolumn.networks.layer_table import describe


@pytest.mark.parametrize("maps", LAYERS)
def test_costs_are_those_counted_in_torchs_layers(maps: Maps) -> None:
    same = {"padding": maps.kernel // 2, "bias": False}
    networks = {
        "dense": [
            nn.Flatten(),
            nn.Linear(maps.channels * maps.side**2, maps.out * maps.side**2, bias=False, device="meta"),
        ],
        "convolution": [nn.Conv2d(maps.channels, maps.out, maps.kernel, **same)],
        "depthwise-separable": [
            nn.Conv2d(maps.channels, maps.channels, maps.kernel, groups=maps.channels, **same),
            nn.Conv2d(maps.channels, maps.out, 1, bias=False),
        ],
    }
    found = costs(maps)
    for name, layers in networks.items():
        rows = describe(nn.Sequential(*layers), (maps.channels, maps.side, maps.side))
        assert found[name].weights == sum(row.weights for row in rows)
        assert found[name].multiply_adds == sum(row.multiply_adds for row in rows)
    apart = found["depthwise-separable"].multiply_adds / found["convolution"].multiply_adds
    assert apart == pytest.approx(1 / maps.out + 1 / maps.kernel**2)


def test_a_layer_is_its_matrix() -> None:
    rng = np.random.default_rng(0)
    image, kernel = rng.integers(-5, 5, size=(7, 7)), rng.integers(-5, 5, size=(3, 3))
    by_matrix = layer_as_matrix(7, kernel) @ image.ravel()
    assert by_matrix.tolist() == cross_correlation_layer(image[None], kernel[None, None]).ravel().tolist()


def test_counted_in_the_matrix_a_kernel_has_nine_weights() -> None:
    """6 x 6 places of 9 samples each, of 8 x 8."""
    assert [row[1] for row in matrix_table(side=8).rows] == [36 * 64, 36 * 9, 9]


def test_how_far_an_output_sees() -> None:
    """2 L + 1, 4 L + 1 and 2^(L + 1) - 1 samples; pooling multiplies what later layers add."""
    rows = field_table(depth=4).rows
    assert [row[1] for row in rows] == [3, 5, 7, 9]
    assert [row[2] for row in rows] == [5, 9, 13, 17]
    assert [row[3] for row in rows] == [3, 7, 15, 31]
    assert [row[4] for row in rows] == [3, 6, 10, 16]
