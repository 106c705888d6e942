import pytest
import torch

from hypercolumn.errors import InvalidArgument
from hypercolumn.networks.dimension import normalization_layer, operators


@pytest.mark.parametrize("dims", [1, 2, 3])
def test_operators_act_on_as_many_axes(dims: int) -> None:
    chosen, image = operators(dims), torch.zeros(2, 4, *[8] * dims)
    assert chosen.convolution(4, 3, 3)(image).shape == (2, 3, *[6] * dims)
    assert chosen.transposed_convolution(4, 3, 2, stride=2)(image).shape == (2, 3, *[16] * dims)
    assert chosen.max_pooling(2)(image).shape == (2, 4, *[4] * dims)


@pytest.mark.parametrize("dims", [1, 2, 3])
@pytest.mark.parametrize("kind", ["batch", "group", "instance"])
def test_a_normalization_takes_away_scale_and_shift(kind: str, dims: int) -> None:
    layer = normalization_layer(kind, dims, 12)
    image = torch.randn(4, 12, *[6] * dims, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(layer(7 * image + 3), layer(image), rtol=1e-3, atol=1e-3)
    assert sum(weight.numel() for weight in layer.parameters()) == 24


@pytest.mark.parametrize("dims", [0, 4, "2"])
def test_other_dimensions_are_refused(dims: object) -> None:
    with pytest.raises(InvalidArgument, match="dims"):
        operators(dims)
