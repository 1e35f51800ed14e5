"""The training loop."""

from __future__ import annotations

import logging
import signal
import threading
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from humansense.core.errors import HumansenseError
from humansense.core.values import Batch
from humansense.nets import UPSAMPLED
from humansense.tasks import Task, load_task
from humansense.train.averages import Average, lr_factor, make_optimizer
from humansense.train.checkpoint import WEIGHTS, Position, Run
from humansense.train.journal import Journal
from humansense.train.settings import TrainSettings
from humansense.train.source import BatchSource, clip_batches

if TYPE_CHECKING:  # costs a second to load: only `train` itself does
    from lightning_fabric import Fabric

PATIENCE = 20  # steps in a row whose gradient is not finite, before the run gives up


def train(settings: TrainSettings, batches: BatchSource | None = None) -> Path:
    """Train, or go on where `settings.out` stopped; returns the path of the averaged weights.

    batches: where the crops come from (`BatchSource`); by default the clips in `settings.data`. With the same
    seed, data and number of devices a run that was stopped and resumed gives the weights of one that was
    not, bit by bit, as long as its length is counted in samples and not in minutes.

    Ctrl-C and a polite kill end the step, write a checkpoint, and raise `KeyboardInterrupt`.
    Raises `HumansenseError` for settings or data that do not fit, and for a loss that stays infinite.
    """
    from lightning_fabric import Fabric

    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)  # it reports its own settings otherwise
    fabric = Fabric(
        accelerator=settings.accelerator,
        devices=_devices(settings.devices),
        precision=settings.precision,  # type: ignore[arg-type]
    )
    fabric.launch()
    if fabric.device.type == "cpu":
        torch.set_num_threads(settings.threads)
    torch.manual_seed(settings.seed)
    task = settings.make_task()
    raw = task.build_net().to(memory_format=torch.channels_last).to(fabric.device)  # type: ignore[call-overload]
    if settings.init is not None:
        start_from(raw, settings.init, task)
    optimizer = make_optimizer(raw, settings)
    run = Run(task, raw, optimizer, Average(raw, settings.ema), Position())
    run.resume(settings)
    if _progress(settings, run.at) >= 1:
        return Path(settings.out) / WEIGHTS
    net, optimizer = fabric.setup(torch.compile(raw) if settings.compile else raw, optimizer)  # type: ignore[arg-type]
    source = batches or clip_batches(settings, task)
    stream = source(run.at.samples, fabric.global_rank, fabric.world_size)
    main = fabric.is_global_zero
    Path(settings.out).mkdir(parents=True, exist_ok=True)
    started, saved, failed = time.monotonic() - run.at.seconds, time.monotonic(), 0
    first = run.at.samples, run.at.seconds
    with (
        Journal(Path(settings.out), run.at.samples, settings.progress and main) as journal,
        _stop_signal() as stop,
        _closed(stream),
    ):
        net.train()
        while (progress := _progress(settings, run.at)) < 1:
            batch = _next(stream).to(fabric.device)
            if settings.optimizer == "adamw":
                for group in optimizer.param_groups:
                    group["lr"] = settings.lr * lr_factor(progress, settings.warmup)
            loss, terms, finite = _learn(fabric, task, net, optimizer, batch, settings.clip)
            failed = 0 if finite else failed + 1
            if finite:
                run.average.update(raw, run.at.step)
            elif failed > PATIENCE:
                raise HumansenseError(f"the loss of {settings.out} is no longer finite: start again with a lower lr")
            seconds, stopped = time.monotonic() - started, stop.is_set()
            if fabric.world_size > 1:  # all devices must end at the same step: the first one's clock counts
                seconds, stopped = fabric.broadcast((seconds, stopped))
            run.at = Position(run.at.step + 1, run.at.samples + len(batch) * fabric.world_size, seconds)
            if main and run.at.step % settings.log_every == 0:
                rate = (run.at.samples - first[0]) / (run.at.seconds - first[1])
                journal.add(_row(run.at, optimizer, loss, terms, rate))
                journal.show(_progress(settings, run.at), rate, loss.item(), _seconds_left(settings, run.at, rate))
            due = time.monotonic() - saved > settings.checkpoint_minutes * 60
            if due or stopped or _progress(settings, run.at) >= 1:
                if main:
                    run.save(settings)
                    journal.draw()
                saved = time.monotonic()
                if stopped:
                    raise KeyboardInterrupt
    return Path(settings.out) / WEIGHTS


def _learn(
    fabric: Fabric, task: Task, net: nn.Module, optimizer: torch.optim.Optimizer, batch: Batch, clip: float
) -> tuple[Tensor, dict[str, Tensor], bool]:
    """One step: (loss, its terms, whether the gradient was finite; if not, the weights stay as they are)."""
    optimizer.zero_grad(set_to_none=True)
    loss, terms = task.loss(net(task.inputs(batch.images)), task.targets(batch))
    fabric.backward(loss)
    norm = fabric.clip_gradients(net, optimizer, max_norm=clip, error_if_nonfinite=False)  # type: ignore[arg-type]
    finite = norm is not None and bool(torch.isfinite(norm))
    if finite:
        optimizer.step()
    return loss, terms, finite


def _next(stream: Iterator[Batch]) -> Batch:
    """The next batch of a stream that must not end."""
    batch = next(stream, None)
    if batch is None:
        raise HumansenseError("the training data ran out before the end of the run: give an endless source of batches")
    return batch


def start_from(net: torch.nn.Module, weights: str | Path, task: Task) -> None:
    """Load the weights of an earlier run into a fresh net; raises `HumansenseError` unless they fit it exactly.

    The net of a preset with `+up` may start from that of the preset without: its upsampling layers stay as they are.
    Weights of another task give what they have in common with the net, its stem at least.
    """
    before, other = load_task(weights)
    if before.name != task.name:
        return _start_from_trunk(net, other, weights)
    try:
        net.load_state_dict(upsampling_layers(net) | other.state_dict())
    except RuntimeError as error:
        raise HumansenseError(
            f"--init {weights} has another net or other heads than this run: use the same task, preset and joint set"
        ) from error


def _start_from_trunk(net: nn.Module, other: nn.Module, weights: str | Path) -> None:
    """All layers of another task's net that have the same name and shape here, but not what its heads see in it."""
    own = net.state_dict()
    shared = {
        name: value
        for name, value in other.state_dict().items()
        if name in own and own[name].shape == value.shape and not name.startswith(("heads.", "pooled.", UPSAMPLED))
    }
    missing = [name for name in own if name.startswith("stem.") and name not in shared]
    if missing or not shared:
        raise HumansenseError(
            f"--init {weights} is of another task, and its net has not the stem of this one: use a preset like its own"
        )
    net.load_state_dict(own | shared)


def upsampling_layers(net: nn.Module) -> dict[str, Tensor]:
    """The weights of a net's `+up` layers, empty where it has none: all that a net without them cannot give."""
    return {name: value for name, value in net.state_dict().items() if name.startswith(UPSAMPLED)}


def _progress(settings: TrainSettings, at: Position) -> float:
    """0 at the start, 1 at the end of the run."""
    if settings.minutes is not None:
        return at.seconds / (settings.minutes * 60)
    return at.samples / settings.samples


def _seconds_left(settings: TrainSettings, at: Position, rate: float) -> float:
    if settings.minutes is not None:
        return max(settings.minutes * 60 - at.seconds, 0.0)
    return max(settings.samples - at.samples, 0) / rate


def _row(
    at: Position, optimizer: torch.optim.Optimizer, loss: Tensor, terms: dict[str, Tensor], rate: float
) -> dict[str, Any]:
    row = {"step": at.step, "samples": at.samples, "seconds": at.seconds, "lr": optimizer.param_groups[0]["lr"]}
    return row | {"samples_per_s": rate, "loss": loss.item()} | {k: v.item() for k, v in terms.items()}


def _devices(devices: str) -> int | str:
    if devices == "auto":
        return devices
    if not devices.isdigit() or int(devices) < 1:
        raise HumansenseError(f"devices {devices!r}: expected a number from 1, or auto")
    return int(devices)


@contextmanager
def _closed(stream: Iterator[Batch]) -> Iterator[None]:
    """Closes the stream at the end, where it can be closed."""
    try:
        yield
    finally:
        if isinstance(stream, Generator):
            stream.close()


@contextmanager
def _stop_signal() -> Iterator[threading.Event]:
    """An event that Ctrl-C and SIGTERM set, so that a step is never cut in two; a second Ctrl-C is not held back."""
    event = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield event  # signals reach only the main thread: whoever runs us in another one stops us otherwise
        return
    signals = (signal.SIGINT, signal.SIGTERM)
    before = {s: signal.getsignal(s) for s in signals}

    def handler(number: int, frame: Any) -> None:
        if event.is_set():
            raise KeyboardInterrupt
        event.set()

    for s in signals:
        signal.signal(s, handler)
    try:
        yield event
    finally:
        for s, old in before.items():
            signal.signal(s, old)
