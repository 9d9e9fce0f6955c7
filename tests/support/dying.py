"""A batch whose processes die; by itself in a file, for other processes import it."""

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class DyingJob:
    """At ``b`` a process dies once, at ``c`` the program fails, at ``d`` it dies always; ``e`` takes its time."""

    folder: Path
    parts: Sequence[str] = ("a", "b", "c", "d")

    def open(self, threads: int | None = None) -> "DyingWork":
        return DyingWork(self.folder, self.parts)


@dataclass(frozen=True)
class DyingWork:
    folder: Path
    parts: Sequence[str]

    @property
    def identity(self) -> Mapping[str, Any]:
        return {}

    def finished(self, part: str, output: Path) -> bool:
        return (output / part).exists()

    def do(self, part: str, output: Path) -> None:
        died = self.folder / f"{part} died"
        if part == "d" or (part == "b" and not died.exists()):
            died.touch()
            os._exit(1)
        if part == "c":
            raise ZeroDivisionError("nought")
        if part == "e":
            time.sleep(1)
        (output / part).touch()
