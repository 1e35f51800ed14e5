"""What a check of a set found: `CheckReport`, which the checks fill and which adds up over clips."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Failure:
    """One thing that is not as it should be. file: shard and frame; check: which; detail: what was found."""

    file: str
    check: str
    detail: str

    def __str__(self) -> str:
        return f"{self.file}: {self.check}: {self.detail}"


@dataclass
class CheckReport:
    """What `check_set` found.

    checked: how often each thing was checked. failures: at most `MAX_FAILURES`; `failed` counts all of them by check.
    worst: the figure that came nearest to a limit. digest: SHA-256 over the shards, equal for equal bytes.
    """

    root: str
    clips: int = 0
    frames: int = 0
    checked: Counter[str] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)
    failures: list[Failure] = field(default_factory=list)
    worst: dict[str, float] = field(default_factory=dict)
    digest: str = ""

    MAX_FAILURES = 50

    @property
    def ok(self) -> bool:
        return not self.failed

    def expect(self, passed: bool, file: str, check: str, detail: str) -> None:
        self.checked[check] += 1
        if not passed:
            self.failed[check] += 1
            if len(self.failures) < self.MAX_FAILURES:
                self.failures.append(Failure(file, check, detail))

    def note(self, name: str, value: float) -> None:
        self.worst[name] = max(self.worst.get(name, -np.inf), float(value))

    def add(self, other: CheckReport) -> None:
        """Take over what another report of the same set counted, noted and found."""
        self.checked += other.checked
        self.failed += other.failed
        self.failures += other.failures[: self.MAX_FAILURES - len(self.failures)]
        for name, value in other.worst.items():
            self.note(name, value)

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        return {
            "set": self.root,
            "ok": self.ok,
            "clips": self.clips,
            "frames": self.frames,
            "checked": dict(self.checked),
            "failed": dict(self.failed),
            "failures": [str(failure) for failure in self.failures],
            "worst": {name: round(value, 5) for name, value in self.worst.items()},
            "sha256": self.digest,
        }
