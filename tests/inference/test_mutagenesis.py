"""The mutation map of a sequence against running every mutant, over networks drawn by chance and known ones."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from hypercolumn.errors import InvalidArgument, NetworkError, ShapeMismatch
from hypercolumn.inference import mutagenesis
from hypercolumn.inference.mutagenesis import Mutator
from hypercolumn.networks import ResNet


def sequence_of(length: int, *, channels: int = 4, seed: int = 0) -> np.ndarray:
    return np.eye(channels)[:, np.random.default_rng(seed).integers(channels, size=length)]


def naive(network: nn.Module, sequence: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Every mutant by itself: the output for the sequence, and the differences (place, base, *output)."""
    channels, length = sequence.shape
    given = torch.from_numpy(sequence)[None]
    with torch.no_grad():
        reference = network(given)[0]
        differences = reference.new_zeros((length, channels, *reference.shape))
        for place in range(length):
            for base in range(channels):
                mutant = given.clone()
                mutant[0, :, place] = 0
                mutant[0, base, place] = 1
                differences[place, base] = network(mutant)[0] - reference
    return reference.numpy(), differences.numpy()


def agrees(network: nn.Module, sequence: np.ndarray, **options: int) -> None:
    network = settled(network)
    found = mutagenesis(network, sequence, **options)
    reference, differences = naive(network, sequence)
    np.testing.assert_allclose(found.reference, reference, rtol=0, atol=1e-10)
    np.testing.assert_allclose(found.differences, differences, rtol=0, atol=1e-10)


def settled(network: nn.Module) -> nn.Module:
    """In float64, with statistics that are not those of a new network."""
    generator = torch.Generator().manual_seed(1)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm1d):
            module.running_mean = torch.randn(module.num_features, generator=generator)
            module.running_var = torch.rand(module.num_features, generator=generator) + 0.5
    return network.double().eval()


class Residual(nn.Module):
    def __init__(self, channels: int, kernel: int, dilation: int) -> None:
        super().__init__()
        self.one = nn.Conv1d(channels, channels, kernel, padding="same", dilation=dilation)
        self.two = nn.Conv1d(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.two(torch.relu(self.one(x)))


@st.composite
def networks(draw: st.DrawFn) -> tuple[nn.Module, int]:
    """A few layers of any kind for a sequence of some length, and a head."""
    torch.manual_seed(draw(st.integers(0, 2**16)))
    length, channels = draw(st.integers(24, 40)), 4
    layers: list[nn.Module] = []
    for _ in range(draw(st.integers(1, 3))):
        kind = draw(st.sampled_from(["convolution", "strided", "pooled", "averaged", "residual", "grouped"]))
        made = draw(st.integers(1, 2)) * 4
        if kind == "residual":
            layers.append(Residual(channels, draw(st.sampled_from([1, 3, 5])), draw(st.integers(1, 3))))
            continue
        groups = 2 if kind == "grouped" else 1
        stride = 2 if kind == "strided" else 1
        kernel = draw(st.integers(stride, 4))
        layers += [
            nn.Conv1d(channels, made, kernel, stride=stride, padding=draw(st.integers(0, kernel // 2)), groups=groups),
            draw(st.sampled_from([nn.BatchNorm1d(made), nn.Identity()])),
            draw(st.sampled_from([nn.ReLU(), nn.ELU(), nn.GELU(), nn.ReLU(inplace=True)])),
        ]
        channels = made
        if kind == "pooled":
            layers.append(nn.MaxPool1d(draw(st.integers(2, 3)), draw(st.integers(1, 3)), ceil_mode=draw(st.booleans())))
        elif kind == "averaged":
            layers.append(nn.AvgPool1d(2, draw(st.integers(1, 2)), padding=draw(st.integers(0, 1))))
    body = nn.Sequential(*layers)
    with torch.no_grad():
        left = body.eval()(torch.zeros(1, 4, length)).shape[2]
    head = draw(st.sampled_from(["dense", "mean", "largest", "none"]))
    if head == "dense":
        tail = [nn.Flatten(), nn.Linear(channels * left, 5), nn.ReLU(), nn.Linear(5, 2), nn.Sigmoid()]
    elif head == "none":
        tail = []
    else:
        pool = nn.AdaptiveAvgPool1d(1) if head == "mean" else nn.AdaptiveMaxPool1d(1)
        tail = [pool, nn.Flatten(), nn.Linear(channels, 2)]
    return nn.Sequential(body, *tail), length


@given(networks(), st.integers(0, 2**16))
@settings(max_examples=40, deadline=None)
def test_any_network_gives_what_running_every_mutant_gives(drawn: tuple[nn.Module, int], seed: int) -> None:
    network, length = drawn
    agrees(network, sequence_of(length, seed=seed))


def basset(length: int) -> nn.Module:
    """Kelley et al. 2016 made small: kernels of 19, 11 and 7 taps, pooled by 3, 4 and 4."""
    layers: list[nn.Module] = []
    for inside, outside, kernel, pool in ((4, 6, 19, 3), (6, 5, 11, 4), (5, 5, 7, 4)):
        convolution = nn.Conv1d(inside, outside, kernel, padding=kernel // 2)
        layers += [convolution, nn.BatchNorm1d(outside), nn.ReLU(), nn.MaxPool1d(pool)]
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(5 * (length // 3 // 4 // 4), 8), nn.ReLU(), nn.Linear(8, 3))


def deepsea(length: int) -> nn.Module:
    """Zhou and Troyanskaya 2015 made small: three valid convolutions of 8 taps, pooled by 4 after the first two."""
    left = ((length - 7) // 4 - 7) // 4 - 7
    return nn.Sequential(
        *(nn.Conv1d(4, 6, 8), nn.ReLU(), nn.MaxPool1d(4), nn.Dropout(0.2)),
        *(nn.Conv1d(6, 8, 8), nn.ReLU(), nn.MaxPool1d(4), nn.Dropout(0.2)),
        *(nn.Conv1d(8, 9, 8), nn.ReLU(), nn.Dropout(0.5)),
        *(nn.Flatten(), nn.Linear(9 * left, 7), nn.ReLU(), nn.Linear(7, 4), nn.Sigmoid()),
    )


@pytest.mark.parametrize("make", [basset, deepsea])
def test_the_published_forms_made_small(make: object) -> None:
    torch.manual_seed(0)
    agrees(make(208), sequence_of(208))  # type: ignore[operator]


def test_a_network_with_something_global_in_it_is_computed_again_from_there_on() -> None:
    torch.manual_seed(0)
    agrees(nn.Sequential(nn.Conv1d(4, 4, 3), nn.InstanceNorm1d(4), nn.Conv1d(4, 2, 3)), sequence_of(20))


def test_residual_networks_of_the_room() -> None:
    torch.manual_seed(0)
    agrees(ResNet(1, 4, 3, depth=18, width=4, stem="small"), sequence_of(48))


def test_few_mutants_at_once_give_the_same() -> None:
    torch.manual_seed(0)
    agrees(deepsea(208), sequence_of(208), memory_bytes=200_000)


def test_several_sequences_are_mutated_each_by_itself() -> None:
    torch.manual_seed(0)
    network = settled(deepsea(208))
    both = np.stack([sequence_of(208, seed=seed) for seed in (1, 2)])
    found = mutagenesis(network, both)
    for place in (0, 1):
        one = mutagenesis(network, both[place])
        np.testing.assert_array_equal(found.reference[place], one.reference)
        np.testing.assert_array_equal(found.differences[place], one.differences)


def test_a_base_that_nobody_knows_is_mutated_to_all_four() -> None:
    torch.manual_seed(0)
    network, sequence = settled(nn.Sequential(nn.Conv1d(4, 3, 5), nn.Flatten(), nn.Linear(48, 1))), sequence_of(20)
    sequence[:, 7] = 0.25
    found = mutagenesis(network, sequence)
    assert (found.differences[7] != 0).all()
    np.testing.assert_allclose(found.differences, naive(network, sequence)[1], atol=1e-12)


def test_no_mutation_no_difference() -> None:
    torch.manual_seed(0)
    sequence = sequence_of(208)
    assert (mutagenesis(settled(basset(208)), sequence).differences[sequence.T == 1] == 0).all()


def test_float32_stays_within_rounding() -> None:
    torch.manual_seed(0)
    network = basset(208).eval()
    sequence = sequence_of(208).astype(np.float32)
    np.testing.assert_allclose(mutagenesis(network, sequence).differences, naive(network, sequence)[1], atol=1e-5)


def test_not_a_number_is_never_lost() -> None:
    network = settled(nn.Sequential(nn.Conv1d(4, 2, 3), nn.ReLU(), nn.Flatten(), nn.Linear(36, 1)))
    with torch.no_grad():
        network[0].weight[0, 0, 0] = torch.nan
    found = mutagenesis(network, sequence_of(20))
    assert np.isnan(found.reference).all()


def test_the_network_is_left_as_it_was() -> None:
    network = basset(208).train()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    mutagenesis(network, sequence_of(208).astype(np.float32))
    assert all(module.training for module in network.modules())
    assert all(torch.equal(before[name], value) for name, value in network.state_dict().items())


@pytest.mark.parametrize("shape", [(4,), (20, 4), (4, 0), (1, 2, 4, 20)])
def test_what_is_no_sequence_is_refused(shape: tuple[int, ...]) -> None:
    network = nn.Sequential(nn.Conv1d(4, 2, 3), nn.Flatten(), nn.Linear(36, 1))
    with pytest.raises((ShapeMismatch, NetworkError)):
        mutagenesis(network, np.zeros(shape))


def test_too_little_memory_says_how_much_is_needed() -> None:
    network = nn.Sequential(nn.Conv1d(4, 2, 3), nn.Flatten(), nn.Linear(36, 1))
    with pytest.raises(InvalidArgument, match=r"give at least \d+"):
        Mutator(network, length=20, memory_bytes=8)


class Wavering(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x if x.sum() > 0 else -x


def test_wiring_that_depends_on_the_data_is_refused() -> None:
    with pytest.raises(NetworkError):
        mutagenesis(nn.Sequential(nn.Conv1d(4, 4, 3), Wavering()), sequence_of(20).astype(np.float32))
