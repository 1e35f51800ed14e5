"""The table of rooms in one place: who may import whom. Reads the imports; nothing is run."""

import ast
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "humansense"

# room: (level, other rooms of humansense it may import at any depth of its files)
ALLOWED: dict[str, set[str]] = {
    "core": set(),
    "geometry": {"core"},
    "bodies": {"core", "geometry"},
    "video": {"core"},
    "render": {"core", "geometry"},
    "nets": {"core"},
    "losses": {"core", "geometry"},
    "metrics": {"core", "geometry"},
    "motion": {"core", "geometry", "bodies"},
    "data": {"core", "geometry", "video"},
    "synth": {"core", "geometry", "bodies", "motion", "render", "data", "video"},
    "tasks": {"core", "geometry", "nets", "losses", "metrics", "bodies"},
    "train": {"core", "geometry", "tasks", "data", "metrics", "losses", "nets"},
    "predict": {"core", "geometry", "tasks", "data", "video"},
    "view": set(),  # below: everything but cli and experiments
    "experiments": set(),  # below: everything but cli
    "cli": set(),  # everything
}
ALLOWED["view"] = set(ALLOWED) - {"cli", "experiments"}
ALLOWED["experiments"] = set(ALLOWED) - {"cli"}
ALLOWED["cli"] = set(ALLOWED)

# A file outside its room's rule, with the reason.
NARROWER = {
    "nets": {"core": {"humansense.core.checks", "humansense.core", "humansense.core.errors"}},
}


def imports(path: Path) -> list[str]:
    tree = ast.parse(path.read_text())
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: relative import; write the room's name"
            found += [node.module or ""]
    return [name for name in found if name.split(".")[0] == "humansense"]


def room_of(name: str) -> str | None:
    parts = name.split(".")
    return parts[1] if len(parts) > 1 and parts[1] in ALLOWED else None


FILES = sorted(p for p in SOURCE.rglob("*.py") if p.parent != SOURCE)


def test_there_are_rooms() -> None:
    assert len(FILES) > 20
    assert {p.relative_to(SOURCE).parts[0] for p in FILES} <= set(ALLOWED)


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(SOURCE)))
def test_a_room_imports_only_what_it_may(path: Path) -> None:
    room = path.relative_to(SOURCE).parts[0]
    for name in imports(path):
        target = room_of(name)
        if target is None or target == room:
            continue
        assert target in ALLOWED[room], (
            f"{path.relative_to(SOURCE)} ({room}) imports {name}; it may use {ALLOWED[room]}"
        )
        narrow = NARROWER.get(room, {}).get(target)
        assert narrow is None or name in narrow, f"{room} may use of {target} only {narrow}, got {name}"


def test_core_needs_only_numpy_and_torch() -> None:
    standard = {"numpy", "torch", "safetensors", "humansense", "__future__"}
    import sys

    for path in (SOURCE / "core").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            for name in names:
                top = name.split(".")[0]
                assert top in standard or top in sys.stdlib_module_names, f"{path.name} imports {name}"
