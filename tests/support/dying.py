"""A batch whose processes die; by itself in a file, for other processes import it."""

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from plasmoscope.batch.job import Files, Part


@dataclass(frozen=True)
class DyingJob:
    """At ``b`` a process dies once, at ``c`` the program fails, at ``d`` it dies always; ``e`` takes time."""

    folder: Path
    names: Sequence[str] = ("a", "b", "c", "d")

    def parts(self) -> Sequence[Part]:
        return [Part(name, ()) for name in self.names]

    def identity(self, parts: Sequence[Part]) -> Mapping[str, Any]:
        return {}

    def last_file(self, name: str) -> str:
        return name

    def open(self, threads: int | None = None) -> "DyingJob":
        return self

    def do(self, part: Part) -> Files:
        died = self.folder / f"{part.name} died"
        if part.name == "d" or (part.name == "b" and not died.exists()):
            died.touch()
            os._exit(1)
        if part.name == "c":
            raise ZeroDivisionError("nought")
        if part.name.startswith("e"):
            time.sleep(1)
        return {part.name: b"done"}
