"""What a batch is: parts that can each be worked on by themselves, in any process on any machine."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from plasmoscope.classification.card import ModelCard
from plasmoscope.classification.classifier import Use, find_model
from plasmoscope.errors import PlasmoscopeError
from plasmoscope.files import name_as_text
from plasmoscope.imaging.sources import Readable
from plasmoscope.networks import read_network


class BatchError(PlasmoscopeError):
    """A folder that holds another batch, nothing to do, or a machine that cannot do it."""


Files = Mapping[str, bytes]
"""Content by its place below the output folder; the file that says that the part is finished comes last."""


@dataclass(frozen=True)
class Part:
    """Some pictures, with a name that no other part has."""

    name: str
    sources: Sequence[Readable]
    slide: str = ""
    """What they are photographs of."""


class Work(Protocol):
    """A model that is loaded in this process."""

    def do(self, part: Part) -> Files:
        """The part's tables; the same part gives the same bytes."""
        ...


class Job(Protocol):
    """A batch that can be sent to another process."""

    def __hash__(self) -> int:
        """Of what it is to do."""
        ...

    def parts(self) -> Sequence[Part]:
        """Find what is to be done; the same pictures give the same parts."""
        ...

    def identity(self, parts: Sequence[Part]) -> Mapping[str, Any]:
        """What must be the same for tables to lie in one folder."""
        ...

    def last_file(self, name: str) -> str:
        """The file that says that the part of this name is finished."""
        ...

    def open(self, threads: int | None = None) -> Work:
        """Load the model, for so many threads."""
        ...


def identity_of(parts: Sequence[Part], model: Path | None, use: Use, **options: Any) -> Mapping[str, Any]:
    """The identity of a batch: its pictures' names, its model and its options."""
    names = hashlib.sha256()
    number = 0
    for part in parts:
        for source in part.sources:
            names.update(b"\n" * (number > 0) + name_as_text(source.name).encode())
            number += 1
    return {**options, "model_sha256": model_sha256(model, use), "pictures": number, "names_sha256": names.hexdigest()}


def model_sha256(model: Path | None, use: Use) -> str:
    """Of a model's network, which is checked against its card."""
    return read_network(find_model(model, use), ModelCard)[1].sha256
