"""The command line: parse, call, print. Every command is a dataclass of its options with a `run` method."""

from humansense.cli.app import main

__all__ = ["main"]
