"""`humansense COMMAND ...`: choose the command, run it, and turn what goes wrong into one line and an exit code.

Exit codes: 0 all right; 2 an input or an option that cannot be used; 130 stopped by Ctrl-C; 1 a fault of the program.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import inspect
import io
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

from humansense import __version__
from humansense.cli.console import report_error
from humansense.core import HumansenseError

# command: (module of this package, class, one line). The module is imported when its command is given.
COMMANDS: Mapping[str, tuple[str, str, str]] = MappingProxyType(
    {
        "predict": ("predict", "Predict", "joints, parts and depth of the person in photos and videos"),
        "demo": ("demo", "Demo", "predict on real photos, make synthetic ones, and write a report to look at"),
        "synth": ("synth", "Synth", "make a set of labelled synthetic people"),
        "label": ("label", "Label", "truth for real pictures from bodies that were fitted to them"),
        "data info": ("data", "Info", "what a set holds"),
        "data check": ("data", "Check", "prove that the truth of a set agrees with itself"),
        "data show": ("data", "Show", "a contact sheet or a video of a set with every map"),
        "data export": ("data", "Export", "write a set in SURREAL's layout, COCO's, or plain folders"),
        "data list": ("datasets", "Listing", "real datasets that can be read: licence, protocol, where to get them"),
        "assets add": ("assets", "Add", "add ready-made clothes, hair and skins of MakeHuman's to the wardrobe"),
        "assets list": ("assets", "List", "the ready-made clothes, hair and skins at hand, with their licences"),
        "assets remove": ("assets", "Remove", "delete ready-made clothes, hair or skins"),
        "train": ("train", "Train", "train a net, and go on where it stopped"),
        "eval": ("evaluate", "Evaluate", "measure weights on a set or a real dataset"),
        "nets": ("nets", "Nets", "the nets to train, and what each costs"),
        "export": ("export", "Export", "weights as an ONNX file for other programs"),
        "reproduce": ("reproduce", "Reproduce", "make an experiment of a paper again, and judge its findings"),
        "doctor": ("doctor", "Doctor", "what works here and what does not: versions, devices, weights, licences"),
    }
)

_EXAMPLES = """examples:
  humansense demo --photo me.jpg                       a report in out/demo/report.html
  humansense predict photo.jpg clip.mp4 folder/ --out out/
  humansense synth out/set --clips 20 --frames 100 --size 320x240 --seed 0 --workers 2
  humansense data check out/set
  humansense train people --data out/set --out runs/first --preset small
  humansense eval people --weights runs/first --data out/test
  humansense doctor

`humansense COMMAND --help` tells the options of a command."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command line (without the program's name); returns the exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    try:
        code = guarded(lambda: _dispatch(arguments))
        sys.stdout.flush()
        return code
    except BrokenPipeError:
        # The reader (head, less) has gone: nothing is wrong, and nothing more can be said.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    finally:
        if argv is None:  # the process ends: to search all of torch for garbage once more would take 0.4 s
            gc.freeze()


def guarded(run: Callable[[], int]) -> int:
    """Run, and turn errors that a user can mend into one line and an exit code."""
    try:
        return run()
    except HumansenseError as error:
        report_error(str(error))
        return 2
    except KeyboardInterrupt:
        print("humansense: stopped", file=sys.stderr)
        return 130
    except BrokenPipeError:
        raise
    except (PermissionError, IsADirectoryError, NotADirectoryError, FileNotFoundError) as error:
        report_error(f"{error.filename or 'a file'}: {error.strerror}")
        return 2


def _dispatch(arguments: list[str]) -> int:
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        print(_overview())
        return 0 if arguments else 2
    if arguments[0] in ("-V", "--version", "version"):
        print(f"humansense {__version__}")
        return 0
    name, rest = arguments[0], arguments[1:]
    group = [command for command in COMMANDS if command.startswith(f"{name} ")]
    if group:
        if not rest or rest[0] in ("-h", "--help"):
            print(_overview(name))
            return 0 if rest else 2
        name, rest = f"{name} {rest[0]}", rest[1:]
    if name not in COMMANDS:
        raise HumansenseError(f"unknown command {name!r}; known: {', '.join(COMMANDS)}")
    return _run(name, rest)


def _run(name: str, arguments: list[str]) -> int:
    module, kind, _ = COMMANDS[name]
    command = getattr(importlib.import_module(f"humansense.cli.{module}"), kind)
    parsed = parse(command, name, arguments)
    return parsed if isinstance(parsed, int) else int(parsed.run())  # type: ignore[attr-defined]


def parse(command: type, name: str, arguments: list[str]) -> object:
    """The command's options as an instance, or 0 where help was asked for; a wrong option is a `HumansenseError`."""
    import tyro

    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said):
            return tyro.cli(command, prog=f"humansense {name}", args=arguments)
    except SystemExit as end:
        if not end.code:
            lines = inspect.cleandoc(command.examples).splitlines()  # type: ignore[attr-defined]
            print("\nexamples:", *lines, sep="\n  ")
            return 0
    raise HumansenseError(f"{_plain(said.getvalue())}; `humansense {name} --help` tells the options")


def _plain(boxed: str) -> str:
    """What tyro's box says, in one line."""
    lines = [line.strip("│╭╮╰╯─ ") for line in boxed.splitlines()]
    content: list[str] = []
    for raw, line in zip(boxed.splitlines(), lines, strict=True):
        if "────" in raw and content:
            break
        if line and "────" not in raw:
            content.append(line)
    return " ".join(content) or "these options cannot be used"


def _overview(group: str = "") -> str:
    rows = [(name, row[2]) for name, row in COMMANDS.items() if name.startswith(group)]
    width = max(len(name) for name, _ in rows)
    lines = "\n".join(f"  {name:<{width}}  {words}" for name, words in rows)
    about = "Sees people in pictures and video, offline."
    head = f"usage: humansense {group or 'COMMAND'} ...\n\n{about}\n\ncommands:\n{lines}"
    return head if group else f"{head}\n\n{_EXAMPLES}"
