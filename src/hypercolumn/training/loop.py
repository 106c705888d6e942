"""The loop: forward, loss, backward, step; look at the validation side now and then; keep the best.

    loss = (1 / B) sum_b task.loss(network(x_b), y_b)           AdamW, linear warm-up, cosine to zero

One step is one batch, whoever computes it: with several processes each takes its share and the gradients add up.
Devices, precision and processes are Lightning Fabric's. Everything that the loop decides depends on the step alone, so
a run that was killed and resumed goes on to the same bit. Loshchilov and Hutter 2019 (AdamW) and 2017 (cosine).
"""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from hypercolumn.errors import Interrupted, RunError
from hypercolumn.inference import Precision
from hypercolumn.tasks import Task
from hypercolumn.tasks.staged import StagedTask, example_losses, learner
from hypercolumn.training.chance import Stream, seed_torch
from hypercolumn.training.checkpoint import Checkpoint, load_checkpoint, save_checkpoint, tensors_of
from hypercolumn.training.examples import Examples
from hypercolumn.training.interruption import interruption
from hypercolumn.training.order import Order, Slot


@dataclass(frozen=True)
class Schedule:
    """How long, how fast, how often. All of it is known before step 1, and counts steps, never minutes."""

    steps: int
    batch: int
    learning_rate: float = 1e-3
    weight_decay: float = 1e-2
    warmup: int = 10
    evaluate_every: int = 50
    checkpoint_every: int = 50
    patience: int | None = None
    clip: float = 1.0
    seed: int = 0

    def rate(self, step: int) -> float:
        """The learning rate of a step.

        >>> Schedule(steps=100, batch=1, learning_rate=1.0, warmup=10).rate(4)
        0.5
        """
        if step < self.warmup:
            return self.learning_rate * (step + 1) / self.warmup
        share = (step - self.warmup) / max(1, self.steps - self.warmup)
        return self.learning_rate * 0.5 * (1 + math.cos(math.pi * share))


@dataclass(frozen=True)
class Moment:
    """What the loop tells whoever watches."""

    step: int
    steps: int
    training_loss: float
    validation_loss: float | None = None


@dataclass
class Progress:
    """What the loop remembers besides weights: plain numbers, saved with each checkpoint."""

    best_loss: float = math.inf
    best_step: int = 0
    stale: int = 0
    stopped_at: int | None = None
    losses: list[float] = field(default_factory=list)
    curve: list[tuple[int, float, float]] = field(default_factory=list)

    @classmethod
    def from_dict(cls, saved: Mapping[str, Any]) -> "Progress":
        return cls(**{**saved, "curve": [(int(step), *losses) for step, *losses in saved["curve"]]})


@dataclass(frozen=True)
class Fitted:
    """The weights that were best on the validation side, and how they came about."""

    weights: dict[str, Tensor]
    progress: Progress
    steps: int


Watch = Callable[[Moment], None]


def fit(
    network: nn.Module,
    task: Task | StagedTask,
    training: Examples,
    *,
    validation: Examples | None,
    schedule: Schedule,
    precision: Precision,
    folder: Path,
    fabric: Fabric,
    sampling: tuple[float, ...] | None = None,
    workers: int = 0,
    watch: Watch = lambda moment: None,
) -> Fitted:
    """Train `network` in place and return its best weights; goes on from the newest checkpoint in `folder`.

    Raises Interrupted after saving a checkpoint when asked to stop, RunError when the loss is no longer a number, and
    CheckpointError when a checkpoint cannot be written.
    """
    order = Order(len(training), schedule.batch, schedule.seed, sampling)
    network = precision.arrange(network)
    optimiser = torch.optim.AdamW(_groups(network, schedule.weight_decay), lr=schedule.learning_rate)
    progress, best, first = Progress(), tensors_of(network), 0

    checkpoint = load_checkpoint(folder)
    if checkpoint is not None:
        network.load_state_dict(dict(checkpoint.network))
        optimiser.load_state_dict(dict(checkpoint.optimiser))
        _lay_out_like_weights(optimiser)
        best, first, progress = dict(checkpoint.best), checkpoint.step, Progress.from_dict(checkpoint.progress)
    module, optimiser = fabric.setup(learner(network, task), optimiser)

    def save(step: int) -> None:
        if fabric.is_global_zero:
            state = Checkpoint(step, tensors_of(network), optimiser.state_dict(), best, asdict(progress))
            save_checkpoint(state, folder)
        fabric.barrier()

    batches = _batches(training, order, range(first, schedule.steps), fabric=fabric, workers=workers)
    with interruption() as asked:
        for step in range(first, schedule.steps):
            if progress.stopped_at is not None:
                break
            images, targets, shares = next(batches)
            loss = _step(fabric, module, task, optimiser, schedule, step, precision.arrange(images), targets, shares)
            progress.losses.append(loss)
            done = step + 1
            if not math.isfinite(loss):
                raise RunError(
                    f"the loss is {loss} at step {done}", why="training diverged", fix="lower training.learning_rate"
                )
            measured = None
            if validation is not None and (done % schedule.evaluate_every == 0 or done == schedule.steps):
                measured = validation_loss(fabric, module, task, validation, precision=precision, batch=schedule.batch)
                recent = progress.losses[-schedule.evaluate_every :]
                progress.curve.append((done, sum(recent) / len(recent), measured))
                if measured < progress.best_loss:
                    progress.best_loss, progress.best_step, progress.stale = measured, done, 0
                    best = tensors_of(network)
                else:
                    progress.stale += 1
                    if schedule.patience is not None and progress.stale >= schedule.patience:
                        progress.stopped_at = done
            watch(Moment(done, schedule.steps, loss, measured))
            stop = _anyone(fabric, asked.asked)
            if stop or done % schedule.checkpoint_every == 0 or done == schedule.steps or progress.stopped_at:
                save(done)
            if stop and done < schedule.steps:
                raise Interrupted(f"stopped at step {done} of {schedule.steps}", why="a checkpoint was saved")
    if validation is None:
        best, progress.best_step = tensors_of(network), schedule.steps
    network.load_state_dict(best)
    return Fitted(best, progress, progress.stopped_at or schedule.steps)


def validation_loss(
    fabric: Fabric,
    module: nn.Module,
    task: Task | StagedTask,
    examples: Examples,
    *,
    precision: Precision,
    batch: int,
    most: int = 64,
) -> float:
    """The mean loss over fixed windows, at most 64 of them spread over the side; every process sees its share.

    What a task draws at random is drawn alike at each look.
    """
    chosen = torch.linspace(0, len(examples) - 1, min(most, len(examples))).round().int().tolist()
    mine = chosen[fabric.global_rank :: fabric.world_size]
    total = torch.zeros(2, dtype=torch.float64)
    was_training = module.training
    seed_torch(0, Stream.DROPOUT)
    module.eval()
    with torch.inference_mode():
        for start in range(0, len(mine), batch):
            drawn = [examples.plain(index) for index in mine[start : start + batch]]
            images, targets, _ = _collate([(one.image, one.target, 1.0) for one in drawn])
            losses = example_losses(
                module, task, precision.arrange(fabric.to_device(images)), fabric.to_device(targets)
            )
            total += torch.tensor([float(losses.double().sum()), len(drawn)], dtype=torch.float64)
    module.train(was_training)
    summed = fabric.all_reduce(total, reduce_op="sum") if fabric.world_size > 1 else total
    assert isinstance(summed, Tensor)
    return float(summed[0] / summed[1])


def _step(
    fabric: Fabric,
    module: Any,
    task: Task | StagedTask,
    optimiser: Any,
    schedule: Schedule,
    step: int,
    images: Tensor,
    targets: Tensor,
    shares: Tensor,
) -> float:
    """One step of one process; the loss of the whole batch."""
    seed_torch(schedule.seed, Stream.DROPOUT, step, fabric.global_rank)
    for group in optimiser.param_groups:
        group["lr"] = schedule.rate(step)
    module.train()
    optimiser.zero_grad()
    losses = example_losses(module, task, images, targets)
    loss = (losses * shares).sum()
    fabric.backward(loss)
    fabric.clip_gradients(module, optimiser, max_norm=schedule.clip, error_if_nonfinite=False)
    optimiser.step()
    whole = fabric.all_reduce(loss.detach(), reduce_op="mean") if fabric.world_size > 1 else loss.detach()
    assert isinstance(whole, Tensor)
    return float(whole)


def _groups(network: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """Weight decay on kernels alone: biases and the scales of norms are left free."""
    trained = [weight for weight in network.parameters() if weight.requires_grad]
    kernels = [weight for weight in trained if weight.ndim > 1]
    others = [weight for weight in trained if weight.ndim <= 1]
    groups = [{"params": kernels, "weight_decay": weight_decay}, {"params": others, "weight_decay": 0.0}]
    return [group for group in groups if group["params"]]


def _lay_out_like_weights(optimiser: torch.optim.Optimizer) -> None:
    """Give each moment the memory layout of its weight, as before it was stored: sums then keep their order."""
    for weight, state in optimiser.state.items():
        for name, value in state.items():
            if isinstance(value, Tensor) and value.shape == weight.shape:
                state[name] = torch.empty_like(weight).copy_(value)


def _anyone(fabric: Fabric, asked: bool) -> bool:  # noqa: FBT001
    """Whether any process was asked to stop: all stop at the same step."""
    if fabric.world_size == 1:
        return asked
    total = fabric.all_reduce(torch.tensor(float(asked)), reduce_op="sum")
    assert isinstance(total, Tensor)
    return bool(total > 0)


class _Drawn(Dataset):
    """The examples as a dataset indexed by (epoch, example, weight): workers need to know nothing else."""

    def __init__(self, examples: Examples) -> None:
        self.examples = examples

    def __getitem__(self, slot: Slot) -> tuple[Tensor, Tensor, float]:
        drawn = self.examples.draw(slot.epoch, slot.example)
        return drawn.image, drawn.target, slot.weight


@dataclass(frozen=True)
class _Shares:
    """One process's share of each step, in the order of the steps."""

    order: Order
    steps: range
    rank: int
    world: int

    def __iter__(self) -> Iterator[list[Slot]]:
        return (self.order.share_at(step, rank=self.rank, world=self.world) for step in self.steps)

    def __len__(self) -> int:
        return len(self.steps)


def _batches(
    examples: Examples, order: Order, steps: range, *, fabric: Fabric, workers: int
) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Images (batch, channel, *space), targets, and each example's share in the mean over the whole batch."""
    shares = _Shares(order, steps, fabric.global_rank, fabric.world_size)
    loader = DataLoader(
        _Drawn(examples),
        batch_sampler=shares,
        collate_fn=_collate,
        num_workers=workers,
        multiprocessing_context="forkserver" if workers else None,
    )
    for step, (images, targets, weights) in zip(steps, loader, strict=True):
        whole = len(order.batch_at(step))
        yield (
            fabric.to_device(images),
            fabric.to_device(targets),
            fabric.to_device(weights * (fabric.world_size / whole)),
        )


def _collate(drawn: list[tuple[Tensor, Tensor, float]]) -> tuple[Tensor, Tensor, Tensor]:
    images, targets, weights = zip(*drawn, strict=True)
    return torch.stack(images), torch.stack(targets), torch.tensor(weights)
