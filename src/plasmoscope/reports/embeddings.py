"""Embeddings of cells as NumPy's archive or as Parquet, written whole or not at all."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from plasmoscope.classification.card import ModelCard
from plasmoscope.classification.embedding import Embedded
from plasmoscope.extras import require_extra
from plasmoscope.files import whole_file


def write_embeddings(file: Path, cells: Sequence[Embedded], card: ModelCard) -> None:
    """Write the cells that were read, in their order; the suffix of ``file`` chooses.

    ``.npz`` holds ``names`` (n,), ``embeddings`` (n, d), ``probabilities`` (n,), ``model`` and ``model_sha256``;
    ``.parquet`` the columns ``name``, ``embedding`` and ``probability``, and the model in its metadata.
    """
    vectors = np.array([cell.embedding for cell in cells], np.float32)
    _WRITERS[file.suffix.lower()](file, cells, vectors, card)


def _write_npz(file: Path, cells: Sequence[Embedded], vectors: NDArray[np.float32], card: ModelCard) -> None:
    with whole_file(file) as unfinished, unfinished.open("wb") as stream:
        np.savez_compressed(
            stream,
            names=np.array([cell.name for cell in cells], np.str_),
            embeddings=vectors,
            probabilities=np.array([cell.probability for cell in cells], np.float32),
            model=np.array(card.name),
            model_sha256=np.array(card.sha256),
        )


def _write_parquet(file: Path, cells: Sequence[Embedded], vectors: NDArray[np.float32], card: ModelCard) -> None:
    require_extra("parquet", "A table in Parquet")
    import pyarrow as pa
    from pyarrow.parquet import write_table

    width = vectors.shape[1] if len(cells) else 0
    table = pa.table(
        {
            "name": pa.array([cell.name for cell in cells], pa.string()),
            "embedding": pa.FixedSizeListArray.from_arrays(pa.array(vectors.ravel(), pa.float32()), width),
            "probability": pa.array([cell.probability for cell in cells], pa.float32()),
        }
    ).replace_schema_metadata({"model": card.name, "model_sha256": card.sha256})
    with whole_file(file) as unfinished:
        write_table(table, unfinished)


_WRITERS: dict[str, Callable[[Path, Sequence[Embedded], NDArray[np.float32], ModelCard], None]] = {
    ".npz": _write_npz,
    ".parquet": _write_parquet,
}
SUFFIXES = tuple(_WRITERS)
