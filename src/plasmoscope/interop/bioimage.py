"""A model as a package for bioimage.io and the programs that read its packages (Ouyang et al. 2022).

The package holds the network as it is, which takes bytes of RGB and normalises by itself. What logits go through to
become a calibrated probability is told in the description, so that any reader gets the program's own figures. Cutting a
cell out and resizing it has no words there; the documentation in the package says it.
"""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from plasmoscope.classification.card import Evaluation, ModelCard
from plasmoscope.classification.classifier import OUTPUTS, Classifier, find_model
from plasmoscope.extras import require_extra
from plasmoscope.files import whole_file
from plasmoscope.networks import ModelError, card_path, read_network
from plasmoscope.reports.illustrations import encode_png
from plasmoscope.synthetic.rendering import crop_cell, render_field

AUTHORS = ("The Plasmoscope authors",)
"""Of the models that ship."""
_DESCRIPTION = "rdf.yaml"
# Probabilities: processors add up in another order.
_TOLERANCE = 1e-3
_ONNX_NAME, _CARD_NAME = "model.onnx", "model.json"
# Cells of the cover, in columns and rows; the package's readers want it twice as wide as high.
_COVER = (4, 2)
_DATA = {
    "text": "The NIH data set, which the model that ships learnt from: Rajaraman et al. 2018, PeerJ 6:e4568",
    "doi": "10.7717/peerj.4568",
}
_CALIBRATION = {
    "text": "Calibration by a temperature: Guo et al. 2017, On calibration of modern neural networks",
    "doi": "10.48550/arXiv.1706.04599",
}


def write_bioimage_package(package: Path, model: Path | None = None, authors: Sequence[str] = ()) -> ModelCard:
    """Write a model for single cells as a bioimage.io package, which its own validator has passed.

    Args:
        package: the zip file to write.
        model: an ``.onnx`` file with its card, or a run folder; the one that ships for single cells if None.
        authors: names of who made the model; needed for those that do not ship.

    Returns:
        The model's card.

    Raises:
        MissingExtraError: ``bioimageio.spec`` is not installed.
        ModelError: there is no such model, or it is of a kind that such a package cannot describe.
    """
    require_extra("bioimage", "A bioimage.io package")
    file = find_model(model)
    if file.suffix == ".json":
        raise ModelError("A package holds one network. Of a cascade, package one of its two models.")
    network, card = read_network(file, ModelCard)
    shipped = file.parent == find_model(None).parent
    authors = authors or (AUTHORS if shipped else ())
    if not authors:
        raise ModelError("A package says who made its model. Name them, for instance with --author.")
    classifier = Classifier(network, card)
    cells = _drawn_cells(classifier)
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        files = {
            _ONNX_NAME: network,
            _CARD_NAME: card_path(file).read_bytes(),
            "README.md": _documentation(card).encode(),
            "cover.png": encode_png(_cover(cells)),
        }
        for name, content in files.items():
            (folder / name).write_bytes(content)
        graph = _graph(network)
        tested = cells[: graph.at_once or 2]
        np.save(folder / "cells.npy", tested)
        description = _described(card, authors, shipped) | {
            "inputs": [_input(card, graph.batch)],
            "outputs": _outputs(classifier, graph.batch, tested, folder),
            "weights": {"onnx": {"source": _ONNX_NAME, "sha256": card.sha256, "opset_version": graph.opset}},
        }
        with whole_file(package) as unfinished:
            _save(description, folder, unfinished)
    return card


def _save(description: dict[str, Any], folder: Path, package: Path) -> None:
    from bioimageio.spec import InvalidDescr, ValidationContext, build_description, save_bioimageio_package

    with ValidationContext(root=folder, file_name=_DESCRIPTION):
        checked = build_description(description)
        if isinstance(checked, InvalidDescr):
            raise ModelError(f"The model cannot be described for bioimage.io: {checked.get_reason()}")
        save_bioimageio_package(checked, output_path=package)


def _described(card: ModelCard, authors: Sequence[str], shipped: bool) -> dict[str, Any]:
    """All but what goes in and out."""
    from bioimageio.spec.model.v0_5 import ModelDescr

    return {
        "type": "model",
        "format_version": ModelDescr.implemented_format_version,
        "name": f"Plasmoscope {card.name}".replace("_", " "),
        "description": "Tells whether a red cell, cut out of a photograph of a Giemsa-stained thin blood film, holds a "
        "malaria parasite. For research use only; not a medical device.",
        "authors": [{"name": name} for name in authors],
        "cite": [_DATA, _CALIBRATION] if shipped else [_CALIBRATION],
        "license": card.licence,
        "documentation": {"source": "README.md"},
        "covers": [{"source": "cover.png"}],
        "attachments": [{"source": _CARD_NAME}],
        "tags": ["malaria", "plasmodium", "blood", "red-blood-cells", "giemsa", "brightfield", "classification", "2d"],
        "timestamp": f"{card.created}T00:00:00",
        "config": {
            "bioimageio": {
                "reproducibility_tolerance": [{"absolute_tolerance": _TOLERANCE, "relative_tolerance": _TOLERANCE}]
            },
            "plasmoscope": {"version": card.plasmoscope, "recipe": card.recipe, "threshold": card.threshold},
        },
    }


def _input(card: ModelCard, batch: dict[str, Any]) -> dict[str, Any]:
    size = card.preprocessing.image_size
    return {
        "id": "cells",
        "description": "Red cells, each cut out by its bounding box, black outside the cell, resized to a square.",
        "axes": [
            batch,
            {"type": "space", "id": "y", "size": size},
            {"type": "space", "id": "x", "size": size},
            {"type": "channel", "channel_names": ["red", "green", "blue"]},
        ],
        "data": {"type": "uint8", "range": [0, 255]},
        "test_tensor": {"source": "cells.npy"},
    }


def _outputs(
    classifier: Classifier, batch: dict[str, Any], cells: NDArray[np.uint8], folder: Path
) -> list[dict[str, Any]]:
    """All outputs of the network, in its order; what they should give for these cells is written to ``folder``."""
    classes = classifier.classes
    count = classifier.logits(cells).shape[1]
    if count > len(classes.names):
        raise ModelError(
            "Such a package cannot tell how this model's third output becomes a silence. Models of two classes, or of "
            "classes of your own, can be packaged, such as the one that ships for single cells."
        )
    judged = classifier.judge_prepared(cells)
    two = np.stack([judged.parasitized, 1 - judged.parasitized], axis=1)[:, :count]
    np.save(folder / "probabilities.npy", (two if judged.classes is None else judged.classes).astype(np.float32))
    temperature = classifier.card.calibration.temperature
    # A scaling that changes nothing is not valid.
    scaled = [{"id": "scale_linear", "kwargs": {"gain": 1 / temperature}}] if temperature != 1 else []
    to_probability = {"id": "softmax", "kwargs": {"axis": "channel"}} if count > 1 else {"id": "sigmoid"}
    described: list[dict[str, Any]] = [
        {
            "id": "probabilities",
            "description": f"Calibrated. {_called(classifier.card)}",
            "axes": [batch, {"type": "channel", "channel_names": list(classes.names[:count])}],
            "test_tensor": {"source": "probabilities.npy"},
            "postprocessing": [*scaled, to_probability],
        }
    ]
    if classifier.has_features:
        _, features = classifier.logits_and_features(cells)
        np.save(folder / "features.npy", features)
        names = [f"feature_{number}" for number in range(features.shape[1])]
        described.append(
            {
                "id": "features",
                "description": "Means of the network's middle maps.",
                "axes": [batch, {"type": "channel", "channel_names": names}],
                "test_tensor": {"source": "features.npy"},
            }
        )
    _, strangeness = classifier.logits_and_strangeness(cells)
    if strangeness is not None:
        np.save(folder / "strangeness.npy", strangeness)
        described.append(
            {
                "id": OUTPUTS[2],
                "description": "Logarithm of the squared distance from red cells, in the network's features.",
                "axes": [batch],
                "test_tensor": {"source": "strangeness.npy"},
            }
        )
    return described


def _drawn_cells(classifier: Classifier) -> NDArray[np.uint8]:
    """Cells as the network takes them, infected ones and others in turn; drawn: no photograph is given on."""
    field = render_field(seed=11, cells=40, parasitaemia=0.5)
    whole = [index for index, cell in enumerate(field.cells) if cell.whole]
    infected = [index for index in whole if field.cells[index].infected]
    others = [index for index in whole if not field.cells[index].infected]
    chosen = [index for pair in zip(infected, others, strict=False) for index in pair][: _COVER[0] * _COVER[1]]
    return classifier.prepare_batch(crop_cell(field, index) for index in chosen)


def _cover(cells: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The cells side by side."""
    columns, rows = _COVER
    size = cells.shape[1]
    return cells.reshape(rows, columns, size, size, 3).swapaxes(1, 2).reshape(rows * size, columns * size, 3)


class _Graph(NamedTuple):
    """What an ONNX graph says of itself."""

    opset: int
    """The version of ONNX's own operators that it uses."""
    at_once: int
    """Cells that it takes; 0 for any number."""

    @property
    def batch(self) -> dict[str, Any]:
        """The first axis of what goes in and out."""
        return {"type": "batch"} | ({"size": self.at_once} if self.at_once else {})


def _graph(network: bytes) -> _Graph:
    import onnx

    graph = onnx.load_model_from_string(network)
    opset = max(int(used.version) for used in graph.opset_import if used.domain in {"", "ai.onnx"})
    return _Graph(opset, int(graph.graph.input[0].type.tensor_type.shape.dim[0].dim_value))


def _documentation(card: ModelCard) -> str:
    size = card.preprocessing.image_size
    rows = "\n".join(_row(evaluation) for evaluation in card.evaluations)
    return f"""# {card.name}

{card.intended_use}

Tells whether a red cell holds a malaria parasite. Made by [Plasmoscope](rdf.yaml) {card.plasmoscope} with the recipe
`{card.recipe}`; `{_CARD_NAME}` is its card.

## What goes in

Pictures of single red cells of a Giemsa-stained thin film, RGB, 0 to 255. Each is cut out by its bounding box, black
outside the cell, and resized to {size} x {size} pixels without keeping the aspect: by area average where it shrinks to
less than half, else bilinear. Nothing is normalised before; the network does that. Colours are taken as they are: the
cells should be stained and lit like those that the model learnt from. Test cells and cover are drawn, not photographed.

## What comes out

Calibrated probabilities, where every second cell is infected. {_called(card)}

## Validation

Learnt from: {card.data.dataset}, split {card.data.split}. {_learnt_from(card)}

Validate the model on cells of your own slides that a microscopist has called, of patients that it did not
learn from: other stains, cameras and species lower its figures.

| measured on | cells | views of each | accuracy | sensitivity | specificity |
| --- | --- | --- | --- | --- | --- |
{rows}

95 % intervals in brackets; each is told in full in the card.
"""


def _called(card: ModelCard) -> str:
    return f"A cell is called infected where {' + '.join(card.classes.positive)} is {card.threshold:g} or more."


def _learnt_from(card: ModelCard) -> str:
    return f"The infected cells are {card.data.infected_from}. " if card.data.infected_from else ""


def _row(evaluation: Evaluation) -> str:
    figures = [evaluation.figures.get(name) for name in ("accuracy", "sensitivity", "specificity")]
    told = [f"{one.value:.4f} ({one.low:.4f} to {one.high:.4f})" if one else "not measured" for one in figures]
    cells = (f"{evaluation.part}, split {evaluation.split}", f"{evaluation.cells:,}", str(evaluation.views), *told)
    return f"| {' | '.join(cells)} |"
