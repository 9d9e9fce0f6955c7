"""Cells of the laboratory that a network learnt from, as numbers beside its file: what a profile must not unlearn.

Their features are kept as whitened principal components, at most 64, so that 2,755 cells take less than half a
megabyte. A profile's head is a combination of the same components.
"""

import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from plasmoscope.classification.classifier import Classifier
from plasmoscope.classification.profile import ProfileError
from plasmoscope.files import whole_file

# Principal components at most. Set by hand: 2,755 cells then take less than half a megabyte.
_COMPONENTS = 64
# Of the largest variance, added to each: directions in which hardly any two of the cells differ are not blown up.
_FLOOR = 1e-3
_FORMAT = 1


@dataclass(frozen=True)
class FamiliarCells:
    """Validation cells of a network."""

    model_sha256: str
    """Of the network that the features are of."""
    centre: NDArray[np.float32]
    """Mean of the features, shape (d,)."""
    components: NDArray[np.float32]
    """Features less their mean become whitened principal components, shape (k, d)."""
    projections: NDArray[np.float32]
    """Of the cells, shape (n, k)."""
    log_odds: NDArray[np.float32]
    """The network's own, uncalibrated, shape (n,)."""
    parasitized: NDArray[np.bool_]
    """Shape (n,)."""

    @classmethod
    def of(
        cls,
        model_sha256: str,
        features: NDArray[np.float32],
        log_odds: NDArray[np.float32],
        parasitized: NDArray[np.bool_],
    ) -> "FamiliarCells":
        """What to keep of cells: their features, shape (n, d), uncalibrated log-odds, shape (n,), and truth, (n,)."""
        centre = features.mean(axis=0)
        offsets = (features - centre).astype(np.float64)
        # The covariance is no larger than the features are wide, however many cells there are.
        variances, directions = np.linalg.eigh(offsets.T @ offsets / len(offsets))
        scales = 1 / np.sqrt(variances + _FLOOR * variances.max())
        components = (directions * scales)[:, ::-1][:, :_COMPONENTS].T.astype(np.float32)
        return cls(model_sha256, centre, components, (features - centre) @ components.T, log_odds, parasitized)

    def project(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """Features, shape (..., d), as components, shape (..., k)."""
        return np.asarray((features - self.centre) @ self.components.T, np.float32)

    def write(self, model_file: Path) -> None:
        """Write them beside their network."""
        with whole_file(familiar_path(model_file)) as unfinished, unfinished.open("wb") as stream:
            np.savez_compressed(
                stream,
                format=np.array(_FORMAT),
                model_sha256=np.array(self.model_sha256),
                centre=self.centre,
                components=self.components,
                projections=self.projections.astype(np.float16),
                log_odds=self.log_odds,
                parasitized=self.parasitized,
            )


def familiar_path(model_file: Path) -> Path:
    """Where the familiar cells of an ONNX file lie."""
    return model_file.with_suffix(".familiar.npz")


def read_familiar(model_file: Path, model_sha256: str) -> FamiliarCells:
    """What ``FamiliarCells.write`` wrote.

    Raises:
        ProfileError: there is no such file, or it is another network's, or damaged; the message says what to do.
    """
    file = familiar_path(model_file)
    try:
        with np.load(file, allow_pickle=False) as kept:
            found = FamiliarCells(
                str(kept["model_sha256"]),
                kept["centre"].astype(np.float32),
                kept["components"].astype(np.float32),
                kept["projections"].astype(np.float32),
                kept["log_odds"].astype(np.float32),
                kept["parasitized"].astype(bool),
            )
    # A file cut short is no zip archive, or lacks an array, or has one that is none.
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise ProfileError("familiar_missing", file=str(file)) from error
    if found.model_sha256 != model_sha256:
        raise ProfileError("familiar_of_another_model", file=str(file))
    return found


def familiar_of(classifier: Classifier, model_file: Path) -> FamiliarCells | None:
    """The familiar cells of a loaded model; None where its network gives no features, so that none are needed.

    Raises:
        ProfileError: as ``read_familiar``.
    """
    return read_familiar(model_file, classifier.card.sha256) if classifier.has_features else None


def keep_familiar(
    classifier: Classifier, cells: NDArray[np.uint8], parasitized: NDArray[np.bool_], model_file: Path
) -> None:
    """Write prepared cells beside their network as familiar ones; nothing where the network gives no features."""
    if classifier.has_features:
        logits, features = classifier.logits_and_features(cells)
        odds = classifier.uncalibrated_log_odds(logits)
        FamiliarCells.of(classifier.card.sha256, features, odds, parasitized).write(model_file)
