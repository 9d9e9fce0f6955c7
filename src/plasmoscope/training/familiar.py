"""Familiar cells for a model whose run folder holds none: ``python -m plasmoscope.training.familiar MODEL.onnx CELLS``.

A run of this version writes them itself (``plasmoscope.training.run.export_run``).
"""

import argparse
import sys
from pathlib import Path

import numpy as np

from plasmoscope.classification.classifier import Classifier, find_model
from plasmoscope.classification.familiar import familiar_path, keep_familiar
from plasmoscope.data.nih import CellDataset, load_nih
from plasmoscope.data.splits import make_split
from plasmoscope.imaging.cells import read_cell


def make_familiar(model: Path, dataset: CellDataset, split: str = "seed42") -> Path:
    """Write the validation cells of a split beside a model, as what a profile must not unlearn.

    Args:
        model: an ``.onnx`` file with its card, or a run folder.
        dataset: that it was trained on.
        split: by which it was.

    Returns:
        The file.
    """
    file = find_model(model)
    classifier = Classifier.load(file)
    members = make_split(split, dataset).part("validation")
    cells = np.stack([classifier.prepare(read_cell(dataset.cells[index].source.read())) for index in members])
    keep_familiar(classifier, cells, dataset.infected[members], file)
    return familiar_path(file)


def main() -> None:
    """Make the file that is asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("cells", type=Path)
    parser.add_argument("--split", default="seed42")
    arguments = parser.parse_args()
    file = make_familiar(arguments.model, load_nih(arguments.cells), arguments.split)
    sys.stdout.write(f"{file}\n")


if __name__ == "__main__":
    main()
