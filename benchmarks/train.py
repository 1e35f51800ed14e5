"""Training speed: forward, loss, backward, clipping, optimizer and average, on random crops in memory.

    python benchmarks/train.py --preset small --size 128 --seconds 10

Beside it, in the same run, the rate of one 3x3 convolution, forward and backward, alone on the same threads and in the
same precision: `gflops_machine`. `gflops_step` is the rate of the whole step, its convolutions and matrix products
counted (two operations a multiply-add) and all else counted as nothing; `share` is the one over the other.

Prints one line of JSON. Compare with the parent commit in one sitting: the figure follows the machine's load.
"""

from __future__ import annotations

import argparse
import json
import resource
import time

import torch

from humansense.core import Batch, joint_set
from humansense.nets import NETS, count_parameters, training_flops
from humansense.train.averages import Average, make_optimizer
from humansense.train.settings import TrainSettings


def random_batch(batch: int, size: int, joints: int) -> Batch:
    """Crops without meaning, of the right shapes."""
    parts = torch.randint(0, 15, (batch, size, size))
    return Batch(
        images=torch.rand(batch, 3, size, size),
        parts=parts,
        depth=torch.where(parts > 0, torch.randn(batch, size, size) * 0.2, torch.nan),
        joints=torch.rand(batch, joints, 2) * size,
        visible=torch.ones(batch, joints, dtype=torch.bool),
        has_person=torch.ones(batch, dtype=torch.bool),
        to_image=torch.eye(3, dtype=torch.float64).expand(batch, 3, 3),
        keys=[""] * batch,
    )


def convolution_gflops(seconds: float, dtype: torch.dtype) -> float:
    """Best rate, forward and backward, of a 3x3 convolution from 128 to 128 channels over 16 maps of 32 x 32."""
    channels, side, count = 128, 32, 16
    conv = torch.nn.Conv2d(channels, channels, 3, padding=1, bias=False).to(dtype, memory_format=torch.channels_last)  # type: ignore[call-overload]
    maps = torch.randn(count, channels, side, side, dtype=dtype).to(memory_format=torch.channels_last)
    maps.requires_grad_()
    gradient = torch.randn_like(maps)
    operations = 3 * 2 * count * side**2 * channels**2 * 9  # forward; backward to the weights and to the maps
    best, until = float("inf"), time.perf_counter() + seconds
    while (started := time.perf_counter()) < until or best == float("inf"):
        conv.weight.grad = maps.grad = None
        conv(maps).backward(gradient)
        best = min(best, time.perf_counter() - started)
    return operations / best / 1e9


def measure(args: argparse.Namespace) -> dict[str, float | str]:
    """Samples a second over at least `args.seconds`, after two steps of warming up."""
    torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    settings = TrainSettings(data=".", out=".", preset=args.preset, image_size=args.size, batch=args.batch)  # type: ignore[arg-type]
    task = settings.make_task()
    net = task.build_net().to(memory_format=torch.channels_last).train()  # type: ignore[call-overload]
    optimizer, average = make_optimizer(net, settings), Average(net, settings.ema)
    run = torch.compile(net) if args.compile else net
    batch = random_batch(args.batch, args.size, len(joint_set("human21")))

    def step() -> None:
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast("cpu", torch.bfloat16, enabled=not args.float32):
            outputs = run(task.inputs(batch.images))
        loss, _ = task.loss(outputs, task.targets(batch))
        loss.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), settings.clip)
        optimizer.step()
        average.update(net, 1000)

    for _ in range(2):
        step()
    started, steps = time.perf_counter(), 0
    while (seconds := time.perf_counter() - started) < args.seconds:
        step()
        steps += 1
    rate = steps * args.batch / seconds
    machine = convolution_gflops(args.seconds / 4, torch.float32 if args.float32 else torch.bfloat16)
    reached = training_flops(task.build_net, args.size) * rate / 1e9
    return {
        "benchmark": "train",
        "preset": args.preset,
        "size": args.size,
        "batch": args.batch,
        "threads": args.threads,
        "compile": args.compile,
        "million_parameters": round(count_parameters(net) / 1e6, 2),
        "samples_per_s": round(rate, 1),
        "gflops_step": round(reached, 1),
        "gflops_machine": round(machine, 1),
        "share": round(reached / machine, 3),
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--preset", default="small", choices=list(NETS))
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--compile", action="store_true", help="torch.compile, about a minute more")
    parser.add_argument("--float32", action="store_true", help="no bf16")
    print(json.dumps(measure(parser.parse_args())))
