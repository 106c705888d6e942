def _plan(
    shape: tuple[int, ...], gap: tuple[int, ...], least: tuple[int, ...], wish: _Wish
) -> tuple[list[Box], list[_Cut]] | None:
    """Cells and folds of one array: blocks along the longest axis, else on a grid over the two longest; None: no room."""
    order = sorted(range(len(shape)), key=lambda axis: (-shape[axis], -axis))
    for blocks in _grids(wish.folds, order):
        if all(shape[axis] >= count for axis, count in blocks.items()):
            plan = _cut(shape, blocks, gap, least, wish)
            if plan is not None:
                return plan
    return None


def _grids(folds: int, order: Sequence[int]) -> Iterator[dict[int, int]]:
    """How many blocks along which axis."""
    yield {order[0]: folds}
    if len(order) > 1:
        pairs = [(folds // few, few) for few in range(int(folds**0.5), 1, -1) if folds % few == 0]
        for many, few in pairs:
            yield {order[0]: many, order[1]: few}


def _cut(
    shape: tuple[int, ...], blocks: Mapping[int, int], gap: tuple[int, ...], least: tuple[int, ...], wish: _Wish
) -> tuple[list[Box], list[_Cut]] | None:
    along = [_block_edges(length, blocks.get(axis, 1)) for axis, length in enumerate(shape)]
    inner = [
        [_cell_edges(edge, gap[axis]) if axis in blocks else [edge] for edge in edges]
        for axis, edges in enumerate(along)
    ]
    test_blocks = [
        list(product(*(inner[axis][place] for axis, place in enumerate(block))))
        for block in product(*(range(len(edges)) for edges in along))
    ]
    cells = [cell for block in test_blocks for cell in block]
    cuts = []
    for block in test_blocks:
        cut = _one_fold(shape, block, cells, gap, least, wish)
        if cut is None:
            return None
        cuts.append(cut)
    return cells, cuts


def _one_fold(
    shape: tuple[int, ...],
    test: Sequence[Box],
    cells: Sequence[Box],
    gap: tuple[int, ...],
    least: tuple[int, ...],
    wish: _Wish,
) -> _Cut | None:
    """The boxes left to learn from, and a validation region of the wished size, or of less where that leaves too
    little.

    A validation region is taken only where as much is left to learn from as it watches.
    """
    whole = _hull(test)
    training = _free_boxes(shape, [whole], gap, least)
    if not training:
        return None
    if wish.validation > 0:
        wanted = wish.validation * (prod(shape) - _volume(whole))
        for group in _validation_regions(cells, whole, gap, wanted):
            options = [(run, _free_boxes(shape, [whole, _hull(run)], gap, least)) for run in group]
            room = [sum(map(_volume, boxes)) for _, boxes in options]
            most = max(room)
            if most >= _volume(_hull(group[0])):
                best = [option for option, left in zip(options, room, strict=True) if left == most]
                run, boxes = best[int(wish.rng.integers(len(best)))]
                return _Cut(tuple(test), tuple(run), tuple(boxes))
    return _Cut(tuple(test), (), tuple(training))


def _validation_regions(
    cells: Sequence[Box], test: Box, gap: tuple[int, ...], wanted: float
) -> Iterator[list[tuple[Box, ...]]]:
    """Boxes of whole cells away from the test block, in groups of one volume, the wished volume first and then smaller."""
    free = [cell for cell in cells if _apart(cell, test, gap)]
    found: dict[Box, tuple[Box, ...]] = {}
    for first, last in ((a, b) for a in free for b in free if all(x[0] <= y[0] for x, y in zip(a, b, strict=True))):
        hull = _hull((first, last))
        if hull not in found and _volume(hull) <= 2 * wanted and _apart(hull, test, gap):
            found[hull] = tuple(cell for cell in free if _hull((cell, hull)) == hull)
    for cell in free:
        found.setdefault(cell, (cell,))
    by_volume: dict[int, list[tuple[Box, ...]]] = {}
    for hull, run in found.items():
        by_volume.setdefault(_volume(hull), []).append(run)
    if by_volume:
        nearest = min(by_volume, key=lambda volume: abs(volume - wanted))
        tolerant = [volume for volume in by_volume if abs(volume - nearest) <= 0.1 * wanted]
        yield [run for volume in tolerant for run in by_volume[volume]]
        for volume in sorted((volume for volume in by_volume if volume < nearest), reverse=True):
            yield by_volume[volume]


def _free_boxes(
    shape: tuple[int, ...], taken: Sequence[Box], gap: tuple[int, ...], least: tuple[int, ...]
) -> list[Box]:
    """Disjoint boxes that lie at least `gap` away from all that is taken, each as large as can be when it is chosen."""
    kept_off = [
        tuple(
            (max(start - width, 0), min(stop + width, length))
            for (start, stop), width, length in zip(box, gap, shape, strict=True)
        )
        for box in taken
    ]
    edges = [
        sorted({0, length, *(edge for box in kept_off for edge in box[axis])}) for axis, length in enumerate(shape)
    ]
    free = np.ones([len(marks) - 1 for marks in edges], dtype=bool)
    for box in kept_off:
        free[tuple(slice(marks.index(a), marks.index(b)) for marks, (a, b) in zip(edges, box, strict=True))] = False
    boxes: list[Box] = []
    while free.any():
        found = max(_boxes_within(free, edges, least), key=lambda option: (option[0], option[1]), default=None)
        if found is None:
            break
        boxes.append(found[1])
        free[found[2]] = False
    return boxes


def _boxes_within(
    free: np.ndarray, edges: Sequence[Sequence[int]], least: tuple[int, ...]
) -> Iterator[tuple[int, Box, tuple[slice, ...]]]:
    """Every box between marks that is free throughout and large enough: its volume, itself, its place among the marks."""
    spans = [list(combinations(range(len(marks)), 2)) for marks in edges]
    for choice in product(*spans):
        box = tuple((marks[a], marks[b]) for marks, (a, b) in zip(edges, choice, strict=True))
        place = tuple(slice(a, b) for a, b in choice)
        if all(stop - start >= small for (start, stop), small in zip(box, least, strict=True)) and free[place].all():
            yield _volume(box), box, place


def _block_edges(length: int, blocks: int) -> list[tuple[int, int]]:
    marks = [length * place // blocks for place in range(blocks + 1)]
    return list(pairwise(marks))


def _cell_edges(edge: tuple[int, int], gap: int) -> list[tuple[int, int]]:
    start, stop = edge
    count = max(1, min(CELLS_A_BLOCK, (stop - start) // max(gap, 1)))
    return [(start + a, start + b) for a, b in _block_edges(stop - start, count)]


def _hull(boxes: Sequence[Box]) -> Box:
    return tuple((min(edge[0] for edge in axis), max(edge[1] for edge in axis)) for axis in zip(*boxes, strict=True))


def _apart(one: Box, other: Box, gap: tuple[int, ...]) -> bool:
    """At least `gap` samples lie between them on some axis."""
    return any(max(a[0], b[0]) - min(a[1], b[1]) >= width for a, b, width in zip(one, other, gap, strict=True))


def _volume(box: Box) -> int:
    return prod(stop - start for start, stop in box)
