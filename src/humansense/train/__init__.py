"""Training: a loop on one page, checkpoints that resume exactly, and evaluation over a set."""

from humansense.train.evaluate import evaluate, evaluate_net
from humansense.train.loop import train
from humansense.train.settings import RECIPES, TrainSettings
from humansense.train.source import BatchSource, clip_batches, eval_batches

__all__ = [
    "RECIPES",
    "BatchSource",
    "TrainSettings",
    "clip_batches",
    "eval_batches",
    "evaluate",
    "evaluate_net",
    "train",
]
