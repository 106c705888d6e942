"""The list of operators itself: every name is one of torch's, and none has two meanings."""

from itertools import combinations

import pytest
import torch
from torch import Tensor, nn

from hypercolumn.convolution import receptive_field
from hypercolumn.convolution.operators import CHECKS, JOINS, POINTWISE, RULES, SHAPE_ONLY, WHOLE

NAMES = {"pointwise": POINTWISE, "joins": JOINS, "whole": WHOLE, "rules": set(RULES), "shape": SHAPE_ONLY}


@pytest.mark.parametrize(("first", "second"), list(combinations(NAMES, 2)))
def test_an_operator_has_one_meaning(first: str, second: str) -> None:
    assert not set(NAMES[first]) & set(NAMES[second])


def test_every_name_is_an_operator_of_torch() -> None:
    known = set(dir(torch.ops.aten)) | {schema.name.split("::")[1] for schema in torch._C._jit_get_all_schemas()}
    named = set().union(*NAMES.values()) | CHECKS
    assert named - known == {"getitem"}


class Function(nn.Module):
    """A convolution, then any function of it."""

    def __init__(self, function: object) -> None:
        super().__init__()
        self.conv, self.function = nn.Conv1d(1, 4, 3), function

    def forward(self, x: Tensor) -> Tensor:
        return self.function(self.conv(x))  # type: ignore[operator]


@pytest.mark.parametrize(
    "function",
    [
        lambda x: x.max(dim=1, keepdim=True)[0],
        lambda x: torch.maximum(x, x * 2),
        lambda x: torch.max(x, -x),
        lambda x: torch.stack([x, x], dim=1).flatten(1, 2),
        lambda x: torch.where(x > 0, x, torch.zeros_like(x)),
        lambda x: x.masked_fill(x < 0, 0.0),
        lambda x: torch.cat([x, torch.zeros_like(x)], dim=1),
        lambda x: x.transpose(1, 2).softmax(dim=2).transpose(1, 2),
        lambda x: x.unsqueeze(-1).squeeze(3).clamp(min=0).half().float(),
        lambda x: torch.stack(x.chunk(2, dim=1)).sum(0),
        lambda x: x.view(1, 2, 2, -1).permute(0, 2, 1, 3).reshape(1, 4, -1),
        lambda x: x / x.norm(dim=1, keepdim=True).expand(-1, 4, -1),
    ],
)
def test_what_works_on_each_place_alone_changes_no_field(function: object) -> None:
    assert receptive_field(Function(function), (12,), in_channels=1).size == ((3, 3),)


@pytest.mark.parametrize(
    "function",
    [
        lambda x: x - x.max(),
        lambda x: x - x.max(dim=2, keepdim=True)[0],
        lambda x: x / x.norm(),
        lambda x: x.cumsum(2),
        lambda x: x @ x.transpose(1, 2) @ x,
        lambda x: x.flatten(1).unsqueeze(2),
        lambda x: x.reshape(1, 10, 4),
    ],
)
def test_what_mixes_places_is_infinite(function: object) -> None:
    assert not receptive_field(Function(function), (12,), in_channels=1).bounded
