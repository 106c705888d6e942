"""What each operator of a network reads, axis by axis: the list of operators that the receptive field can see through.

An operator that reads a bounded neighbourhood has a `Reach` along each spatial axis; one that works on each place
alone, or across channels, has none; one that mixes a whole axis (global pooling, flattening, attention, instance and
group normalization) makes the field infinite there, and its layer is remembered. What is not in `RULES` or
`POINTWISE` is refused by name.

Each dimension of a tensor is followed through permutations, views and joins, so `(batch, space, channel)` layouts
serve too.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from math import prod
from typing import Any

from torch import fx

from hypercolumn.convolution.node import Call, Constant, Node
from hypercolumn.convolution.periodic_table import (
    Border,
    Reach,
    adaptive_window,
    cubic,
    linear,
    nearest,
    shift,
    transposed_window,
    window,
)


def input_node(shape: tuple[int, ...], *, axes: int) -> Node:
    """The input itself, (batch, channel, *space)."""
    return Node("input", "", shape, (None, None, *range(axes)))


def interpret(
    name: str,
    arguments: Mapping[str, Any],
    shape: tuple[int, ...],
    layer: str,
    nodes: Sequence[Node],
    place: Mapping[str, int],
    constants: Mapping[str, Constant],
) -> Node | Constant | None:
    """What one recorded operator does: a node that depends on the input, a constant, or nothing at all (a check)."""
    named = [value.name for value in _graph_values(arguments)]
    maps = [place[value] for value in named if value in place]
    if not maps or name in SHAPE_ONLY:
        return Constant(shape, uniform=name in UNIFORM) if shape or named or name in UNIFORM else None
    if name in CHECKS:
        return None
    first = nodes[maps[0]]
    weight = arguments.get("weight")
    weights = constants[weight.name].shape if isinstance(weight, fx.Node) and weight.name in constants else ()
    call = Call(name, layer, arguments, shape, first, weights)
    sources = [nodes[index] for index in maps]
    if name in ("max", "min"):
        name = "maximum" if arguments.get("other") is not None else "amax" if "dim" in arguments else "cumsum"
    if name in JOINS or (name in POINTWISE and len(maps) > 1):
        fixed = [constants[value] for value in named if value in constants]
        return replace(_joined(call, sources, fixed), parents=tuple(maps))
    if name in POINTWISE:
        return replace(call.made(), parents=(maps[0],))
    if name in WHOLE:
        return replace(_whole(call), parents=tuple(maps))
    rule = RULES.get(name)
    if rule is None:
        raise call.refuse(f"the operator {name} is not known", fix="use operators of the list in convolution.operators")
    if len(maps) > 1 and name not in JOINING_RULES:
        raise call.refuse(f"{name} is given two tensors that depend on the input")
    return replace(rule(call), parents=tuple(maps))


def _graph_values(arguments: Mapping[str, Any]) -> list[fx.Node]:
    found: list[fx.Node] = []
    for value in arguments.values():
        for item in value if isinstance(value, (list, tuple)) else (value,):
            if isinstance(item, fx.Node):
                found.append(item)
    return found


# ---------------------------------------------------------------------------------------------- windows that slide


def _convolution(call: Call) -> Node:
    count = len(call.weights) - 2
    if not call.weights:
        raise call.refuse("the kernel of a convolution depends on the input")
    if any(axis is not None for axis in call.source.axes[:-count]):
        raise call.refuse("a convolution mixes a spatial axis as if it were channels")
    kernel, stride = call.weights[2:], call.numbers("stride", count, (1,))
    dilation, padding = call.numbers("dilation", count, (1,)), call.arguments.get("padding")
    if isinstance(padding, str):
        leads = tuple(d * (k - 1) // 2 if padding == "same" else 0 for k, d in zip(kernel, dilation, strict=True))
    else:
        leads = call.numbers("padding", count)
    return call.local(count, lambda i: window(kernel[i], stride=stride[i], dilation=dilation[i], lead=leads[i]))


def _transposed(call: Call) -> Node:
    count = len(call.weights) - 2
    if not call.weights:
        raise call.refuse("the kernel of a convolution depends on the input")
    kernel, stride = call.weights[2:], call.numbers("stride", count, (1,))
    dilation, leads = call.numbers("dilation", count, (1,)), call.numbers("padding", count)
    return call.local(
        count, lambda i: transposed_window(kernel[i], stride=stride[i], dilation=dilation[i], lead=leads[i])
    )


def _pooling(call: Call) -> Node:
    count = int(call.operator.split("pool")[1][0])
    kernel = call.numbers("kernel_size", count)
    stride, leads = call.numbers("stride", count, kernel), call.numbers("padding", count)
    dilation = call.numbers("dilation", count, (1,))
    return call.local(count, lambda i: window(kernel[i], stride=stride[i], dilation=dilation[i], lead=leads[i]))


def _adaptive(call: Call) -> Node:
    count = int(call.operator.split("pool")[1][0])
    begin = len(call.shape) - count
    mixed = call.mixing([d for d in range(begin, len(call.shape)) if call.shape[d] == 1 and call.source.shape[d] > 1])
    before, after = call.source.shape[begin:], call.shape[begin:]
    node = call.local(count, lambda i: adaptive_window(before[i], after[i]) if before[i] != after[i] else None)
    return replace(node, mixed=mixed, reaches={a: r for a, r in node.reaches.items() if a not in mixed})


def _upsampling(call: Call) -> Node:
    count, begin = int(call.operator[-2]), len(call.shape) - int(call.operator[-2])
    corners, factors = bool(call.arguments.get("align_corners")), call.arguments.get("scale_factors")

    def reach(i: int) -> Reach | None:
        old, new = call.source.shape[begin + i], call.shape[begin + i]
        if old == 1:
            return None
        if corners:
            scale = Fraction(old - 1, max(new - 1, 1))
        else:
            scale = 1 / Fraction(factors[i]).limit_denominator(1000) if factors else Fraction(old, new)
        if "nearest" in call.operator:
            return nearest(scale, centred="exact" in call.operator)
        return (cubic if "cubic" in call.operator else linear)(scale, corners=corners)

    repeated = [d for d in range(begin, len(call.shape)) if call.source.shape[d] == 1 and call.shape[d] > 1]
    return replace(call.local(count, reach), mixed=call.mixing(repeated))


def _padding(call: Call) -> Node:
    borders = {"constant": Border.CONSTANT, "reflect": Border.REFLECT, "replicate": Border.REPLICATE}
    named = {"constant_pad_nd": "constant"}
    mode = named.get(call.operator) or call.operator.split("_pad")[0].replace("reflection", "reflect").replace(
        "replication", "replicate"
    )
    if call.operator == "pad":
        mode = call.arguments.get("mode") or "constant"
    if mode not in borders:
        raise call.refuse(f"padding of the kind {mode!r} reads the far side of the image")
    pads = call.arguments.get("pad") or call.arguments.get("padding") or []
    count = len(pads) // 2
    leads = [pads[2 * (count - 1 - i)] for i in range(count)]
    ends = [pads[2 * (count - 1 - i) + 1] for i in range(count)]
    return call.local(count, lambda i: shift(-leads[i], border=borders[mode]) if leads[i] or ends[i] else None)


def _slice(call: Call) -> Node:
    dimension = call.arguments["dim"] % len(call.shape)
    axis = call.source.axes[dimension]
    if axis is None:
        return call.made()
    length = call.source.shape[dimension]
    if call.operator == "narrow":
        start, step = call.arguments["start"], 1
    else:
        start, step = call.arguments.get("start") or 0, call.arguments.get("step") or 1
    start = max(start + length, 0) if start < 0 else min(start, length)
    if start == 0 and step == 1 and call.shape[dimension] == length:
        return call.made()
    return call.made(reaches={axis: shift(start, step=step)})


def _shuffle(call: Call) -> Node:
    factor = call.arguments.get("upscale_factor") or call.arguments.get("downscale_factor") or 1
    if call.operator == "pixel_shuffle":
        return call.local(2, lambda i: Reach(factor, 1, ((0,),) * factor))
    return call.local(2, lambda i: Reach(1, factor, (tuple(range(factor)),)))


# ------------------------------------------------------------------------------------------- dimensions that move


def _permuted(call: Call) -> Node:
    order = [dimension % len(call.shape) for dimension in call.arguments["dims"]]
    return call.made(axes=[call.source.axes[dimension] for dimension in order])


def _transposition(call: Call) -> Node:
    axes = list(call.source.axes)
    first, second = call.arguments.get("dim0"), call.arguments.get("dim1")
    if first is None or second is None:
        first, second = -2, -1
    axes[first], axes[second] = axes[second], axes[first]
    return call.made(axes=axes)


def _unsqueeze(call: Call) -> Node:
    axes = list(call.source.axes)
    axes.insert(call.arguments["dim"] % len(call.shape), None)
    return call.made(axes=axes)


def _squeeze(call: Call) -> Node:
    given = call.arguments.get("dim")
    count = len(call.source.shape)
    chosen = range(count) if given is None else given if isinstance(given, (list, tuple)) else (given,)
    gone = [dimension % count for dimension in chosen if call.source.shape[dimension % count] == 1]
    axes = [axis for dimension, axis in enumerate(call.source.axes) if dimension not in gone]
    return call.made(axes=axes, mixed=call.mixing(gone))


def _selected(call: Call) -> Node:
    dimension = call.arguments["dim"] % len(call.source.shape)
    if call.source.axes[dimension] is not None:
        raise call.refuse("one place of a spatial axis is picked out by its number")
    return call.made(axes=[axis for place, axis in enumerate(call.source.axes) if place != dimension])


def _item(call: Call) -> Node:
    """One of several results, which all have the axes of the first."""
    return call.made()


def _chunks(call: Call) -> Node:
    if call.source.axes[(call.arguments.get("dim") or 0) % len(call.source.shape)] is not None:
        raise call.refuse("the image is cut up along a spatial axis")
    return call.made()


def _expanded(call: Call) -> Node:
    new = len(call.shape) - len(call.source.shape)
    for axis, old, length in zip(call.source.axes, call.source.shape, call.shape[new:], strict=True):
        if axis is not None and old != length:
            raise call.refuse("a spatial axis is repeated")
    return call.made(axes=(None,) * new + call.source.axes)


def _viewed(call: Call) -> Node:
    """Dimensions split and merged. A merge with the spatial axis outermost is a pixel shuffle; others mix the axis."""
    source = call.source
    if source.shape == call.shape:
        return call.made()
    axes: list[int | None] = [None] * len(call.shape)
    reaches: dict[int, Reach] = {}
    for old, new in _groups(source.shape, call.shape):
        tagged = [d for d in old if source.axes[d] is not None and (source.shape[d] > 1 or len(old) == 1)]
        old_long, new_long = [d for d in old if source.shape[d] > 1], [d for d in new if call.shape[d] > 1]
        if len(tagged) != 1:
            continue
        axis = source.axes[tagged[0]]
        assert axis is not None
        if len(old_long) <= 1 and len(new_long) == 1:
            axes[new_long[0]] = axis
        elif len(new_long) == 1 and old_long[0] == tagged[0]:
            factor = call.shape[new_long[0]] // source.shape[tagged[0]]
            axes[new_long[0]], reaches[axis] = axis, Reach(factor, 1, ((0,),) * factor)
        elif len(old_long) == 1 and len(new_long) > 1:
            factor = source.shape[tagged[0]] // call.shape[new_long[0]]
            axes[new_long[0]], reaches[axis] = axis, Reach(1, factor, (tuple(range(factor)),))
        elif len(old_long) <= 1 and not new_long and len(old) == len(new) == 1:
            axes[new[0]] = axis
    gone = frozenset(axis for axis in source.axes if axis is not None and axis not in axes)
    return call.made(axes=axes, reaches=reaches, mixed=gone)


def _groups(old: tuple[int, ...], new: tuple[int, ...]) -> list[tuple[list[int], list[int]]]:
    """The shortest runs of dimensions of two shapes that hold equally many numbers."""
    groups: list[tuple[list[int], list[int]]] = []
    i = j = 0
    while i < len(old) or j < len(new):
        left, right = [i] if i < len(old) else [], [j] if j < len(new) else []
        i, j = i + len(left), j + len(right)
        while prod(old[d] for d in left) != prod(new[d] for d in right):
            if prod(old[d] for d in left) < prod(new[d] for d in right):
                left.append(i)
                i += 1
            else:
                right.append(j)
                j += 1
        groups.append((left, right))
    return groups


# ------------------------------------------------------------------------------------------- whole axes, and joins


def _reduced(call: Call) -> Node:
    given = call.arguments.get("dim")
    count = len(call.source.shape)
    chosen = range(count) if given is None or given == [] else given if isinstance(given, (list, tuple)) else (given,)
    gone = [dimension % count for dimension in chosen]
    if call.arguments.get("keepdim"):
        axes = [None if place in gone else axis for place, axis in enumerate(call.source.axes)]
    else:
        axes = [axis for place, axis in enumerate(call.source.axes) if place not in gone]
    return call.made(axes=axes, mixed=call.mixing(gone))


def _softmax(call: Call) -> Node:
    return call.made(mixed=call.mixing([call.arguments["dim"] % len(call.shape)]))


def _layer_norm(call: Call) -> Node:
    count = len(call.arguments["normalized_shape"])
    return call.made(mixed=call.mixing(range(len(call.shape) - count, len(call.shape))))


def _linear(call: Call) -> Node:
    return call.made(axes=(*call.source.axes[:-1], None), mixed=call.mixing([len(call.source.axes) - 1]))


def _batch_norm(call: Call) -> Node:
    training = call.arguments.get("training")
    return _whole(call) if training or call.arguments.get("running_mean") is None else call.made()


def _instance_norm(call: Call) -> Node:
    return _whole(call) if call.arguments.get("use_input_stats") else call.made()


def _whole(call: Call) -> Node:
    """Everything is mixed with everything: the axes stay where the shape does."""
    axes = call.source.axes if len(call.shape) == len(call.source.shape) else (None,) * len(call.shape)
    return call.made(axes=axes, mixed=frozenset(axis for axis in call.source.axes if axis is not None))


def _joined(call: Call, sources: Sequence[Node], constants: Sequence[Constant]) -> Node:
    """Place by place, with broadcasting. A part of length 1 along an axis reaches every place of it."""
    count = len(call.shape)
    axes: list[int | None] = [None] * count
    for source in sources:
        for dimension, axis in enumerate(source.axes, start=count - len(source.axes)):
            if axis is not None and axes[dimension] not in (None, axis):
                raise call.refuse("two spatial axes are laid over each other")
            axes[dimension] = axis if axis is not None else axes[dimension]
    if call.operator == "cat":
        along = axes[call.arguments.get("dim", 0) % count]
        if along is not None:
            raise call.refuse("tensors are put end to end along a spatial axis")
    mixed = set()
    for source in sources:
        lengths = (1,) * (count - len(source.shape)) + source.shape
        for dimension, axis in enumerate(axes):
            if axis is not None and lengths[dimension] == 1 and call.shape[dimension] > 1:
                mixed.add(axis)
    fixed = False
    for constant in constants:
        lengths = (1,) * (count - len(constant.shape)) + constant.shape
        bound = any(axis is not None and length > 1 for axis, length in zip(axes, lengths, strict=True))
        fixed = fixed or (bound and not constant.uniform)
    return call.made(axes=axes, mixed=frozenset(mixed), fixed=fixed)


def _stacked(call: Call) -> Node:
    return _unsqueeze(call)


_UNIFORM = "zeros ones full zeros_like ones_like full_like new_zeros new_ones new_full scalar_tensor"
UNIFORM = frozenset(_UNIFORM.split())
"""Constants that are one number throughout."""

SHAPE_ONLY = UNIFORM | {"empty_like", "new_empty", "sym_size", "sym_numel"}
"""Operators that ask a tensor for its shape and not for its values."""

CHECKS = frozenset({"_assert_tensor_metadata", "_assert_scalar", "_assert_async", "sym_constrain_range_for_size"})
"""Operators that make nothing."""

_POINTWISE = """
    relu relu6 leaky_relu elu selu celu gelu silu mish sigmoid hardsigmoid hardswish hardtanh tanh softplus
    threshold prelu rrelu log_sigmoid hardshrink softshrink dropout alpha_dropout feature_dropout
    feature_alpha_dropout native_dropout abs neg sign exp expm1 log log1p log2 log10 sqrt rsqrt square reciprocal
    clamp clamp_min clamp_max floor ceil round trunc erf sin cos tan atan sinh cosh clone contiguous alias detach
    lift_fresh_copy to _to_copy type_as isnan nan_to_num logical_not bitwise_not
    _autocast_to_reduced_precision _autocast_to_full_precision
"""
POINTWISE = frozenset(_POINTWISE.split())
"""Operators that work on each place alone."""

_JOINS = """
    add sub rsub mul div true_divide maximum minimum pow masked_fill where cat lerp addcmul addcdiv atan2 eq ne lt le
    gt ge logical_and logical_or logical_xor bitwise_and bitwise_or fmod remainder floor_divide
"""
JOINS = frozenset(_JOINS.split())
"""Operators that join tensors place by place."""

_WHOLE = """
    group_norm native_group_norm matmul mm bmm addmm baddbmm einsum scaled_dot_product_attention
    _native_multi_head_attention lstm gru rnn_tanh rnn_relu cumsum cumprod logcumsumexp bilinear
"""
WHOLE = frozenset(_WHOLE.split())
"""Operators that mix everything with everything."""

JOINING_RULES = frozenset({"stack"})

RULES: Mapping[str, Callable[[Call], Node]] = {
    **dict.fromkeys(("conv1d", "conv2d", "conv3d"), _convolution),
    **dict.fromkeys(("conv_transpose1d", "conv_transpose2d", "conv_transpose3d"), _transposed),
    **{f"{kind}_pool{n}d": _pooling for kind in ("max", "avg") for n in (1, 2, 3)},
    **{f"max_pool{n}d_with_indices": _pooling for n in (1, 2, 3)},
    **{f"adaptive_{kind}_pool{n}d": _adaptive for kind in ("max", "avg") for n in (1, 2, 3)},
    **{f"{kind}{n}d": _upsampling for kind in ("upsample_nearest", "_upsample_nearest_exact") for n in (1, 2, 3)},
    **dict.fromkeys(
        ("upsample_linear1d", "upsample_bilinear2d", "upsample_trilinear3d", "upsample_bicubic2d"), _upsampling
    ),
    **dict.fromkeys(("pad", "constant_pad_nd"), _padding),
    **{f"{kind}_pad{n}d": _padding for kind in ("reflection", "replication") for n in (1, 2, 3)},
    **dict.fromkeys(("slice", "narrow"), _slice),
    **dict.fromkeys(("pixel_shuffle", "pixel_unshuffle"), _shuffle),
    "permute": _permuted,
    **dict.fromkeys(("transpose", "t", "swapaxes", "swapdims"), _transposition),
    "unsqueeze": _unsqueeze,
    "squeeze": _squeeze,
    "select": _selected,
    "getitem": _item,
    **dict.fromkeys(("chunk", "split", "split_with_sizes", "tensor_split"), _chunks),
    **dict.fromkeys(("expand", "repeat", "expand_as"), _expanded),
    **dict.fromkeys(("view", "reshape", "flatten", "unflatten", "_unsafe_view"), _viewed),
    **dict.fromkeys(
        ("mean", "sum", "amax", "amin", "var", "std", "prod", "logsumexp", "argmax", "argmin", "any", "all"), _reduced
    ),
    **dict.fromkeys(("linalg_vector_norm", "norm"), _reduced),
    **dict.fromkeys(("softmax", "log_softmax", "_softmax", "_log_softmax", "glu"), _softmax),
    **dict.fromkeys(("layer_norm", "rms_norm"), _layer_norm),
    "linear": _linear,
    **dict.fromkeys(("batch_norm", "_native_batch_norm_legit_no_training"), _batch_norm),
    "instance_norm": _instance_norm,
    "stack": _stacked,
}
