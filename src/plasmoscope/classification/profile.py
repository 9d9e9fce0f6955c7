"""A laboratory's profile: how its own called cells change what is made of a network's outputs. Numbers in a JSON file.

``plasmoscope.classification.adaptation`` makes one. The network itself stays as it is.
"""

import codecs
import hashlib
import re
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from plasmoscope.errors import ToldError, first_fault

_Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
# It becomes the name of a folder, on every system.
_NAME = r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}"
ProfileName = Annotated[str, Field(pattern=f"^{_NAME}$")]


class ProfileError(ToldError):
    """A profile cannot be made, read or used."""


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def check_name(name: str) -> None:
    """Refuse a name that no profile can have.

    Raises:
        ProfileError: saying which names there can be.
    """
    if not re.fullmatch(_NAME, name):
        raise ProfileError("profile_name", name=name)


class UsedProfile(_Record):
    """Which profile touched a result; kept with it."""

    name: str
    version: int
    sha256: _Sha256
    """Of its content, as ``Profile.sha256``."""

    def __str__(self) -> str:
        return f"{self.name}, version {self.version} (SHA-256 {self.sha256})"


class Trial(_Record):
    """What is called infected of the cells that a profile was learnt from, each judged without its part in learning."""

    found_before: Annotated[int, Field(ge=0)]
    """Infected cells that the model by itself calls infected when a slide is counted."""
    found: Annotated[int, Field(ge=0)]
    """The same under a head and a threshold that were made without them."""
    wrong_before: Annotated[int, Field(ge=0)]
    """Other cells that the model by itself calls infected."""
    wrong: Annotated[int, Field(ge=0)]


class Profile(_Record):
    """A head on the frozen network: log-odds = shipped / ``temperature`` + ``offset`` + features x ``weights``.

    The shipped log-odds are those of the network's own outputs, uncalibrated.
    """

    format: Literal[1] = 1
    name: ProfileName
    version: Annotated[int, Field(ge=1)]
    """Of those of this name, from 1."""
    created: str
    """ISO date."""
    plasmoscope: str
    model: str
    model_sha256: _Sha256
    """Of the network; it fits no other."""
    temperature: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    offset: Annotated[float, Field(allow_inf_nan=False)]
    weights: tuple[Annotated[float, Field(allow_inf_nan=False)], ...] = ()
    """One for each of the network's features; none where only its log-odds are recalibrated."""
    threshold: Annotated[float, Field(gt=0, lt=1)]
    """P(parasitized) from which a cell is called when a slide is counted."""
    source: str
    """Whose calls it was learnt from."""
    infected: Annotated[int, Field(ge=0)]
    """Cells it was learnt from."""
    uninfected: Annotated[int, Field(ge=0)]
    log_loss_before: float
    """Of these cells, both classes of equal weight, by the shipped head."""
    log_loss: float
    """The same by cross-validation: each cell judged by a head that never saw it."""
    trial: Trial
    familiar_accuracy_change: float | None = None
    """Percentage points on cells of the laboratory that the network learnt from; None where none are stored."""

    @property
    def sha256(self) -> str:
        """Of the content; the same numbers under the same name and version have the same."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()

    @property
    def used(self) -> UsedProfile:
        """What results keep of it."""
        return UsedProfile(name=self.name, version=self.version, sha256=self.sha256)

    def check(self, model_sha256: str) -> None:
        """Refuse another network than it was made for.

        Raises:
            ProfileError: saying what to do.
        """
        if self.model_sha256 != model_sha256:
            raise ProfileError("profile_of_another_model", profile=self.name, model=self.model)

    def log_odds(
        self, shipped: NDArray[np.float32], features: NDArray[np.float32] | None = None
    ) -> NDArray[np.float32]:
        """Log-odds of parasitized, shape (n,).

        Args:
            shipped: the network's own, uncalibrated, shape (n,).
            features: shape (n, d); needed where there are ``weights``.
        """
        odds = shipped / np.float32(self.temperature) + np.float32(self.offset)
        if features is not None and self.weights:
            odds = odds + features @ np.array(self.weights, np.float32)
        return np.asarray(odds, np.float32)


def read_profile(file: Path) -> Profile:
    """Read what ``Profiles.save`` wrote.

    Raises:
        ProfileError: naming the first thing that is wrong.
    """
    try:
        return Profile.model_validate_json(file.read_bytes().removeprefix(codecs.BOM_UTF8))
    except OSError as error:
        raise ProfileError("file_not_read", file=str(file), detail=error.strerror or str(error)) from error
    except ValidationError as error:
        raise ProfileError("no_profile_file", file=str(file), detail=first_fault(error)) from error
