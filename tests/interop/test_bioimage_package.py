"""A model's package for bioimage.io: passed by its own validator, and it gives what the program gives."""

import io
import zipfile
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import yaml
from bioimageio.spec import InvalidDescr, load_description
from bioimageio.spec.model.v0_5 import ModelDescr
from PIL import Image

from command_line import run
from plasmoscope import Classifier
from plasmoscope.classification.card import ModelCard
from plasmoscope.classification.classifier import find_model
from plasmoscope.exporting.static_onnx import static_graph
from plasmoscope.interop.bioimage import write_bioimage_package
from plasmoscope.networks import ModelError, save_network
from tiny_network import tiny_classifier


def member(package: Path, name: str) -> bytes:
    with zipfile.ZipFile(package) as archive:
        return archive.read(name)


def described_in(package: Path) -> ModelDescr:
    """As the validator read it, which says why where it is not valid."""
    described = load_description(package)
    assert not isinstance(described, InvalidDescr), described.get_reason()
    assert isinstance(described, ModelDescr)
    return described


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As the command writes it."""
    file = tmp_path_factory.mktemp("package") / "cells.zip"
    with pytest.MonkeyPatch.context() as monkeypatch:
        assert run("bioimage-package", file, monkeypatch=monkeypatch) == 0
    return file


def test_the_validator_of_bioimageio_passes_the_package(package: Path) -> None:
    described = described_in(package)
    assert described.validation_summary.status == "valid-format"
    assert [author.name for author in described.authors] == ["The Plasmoscope authors"]


def test_the_described_steps_lead_from_the_cells_to_the_programs_probabilities(
    package: Path, classifier: Classifier
) -> None:
    """As any reader would take them from the description."""
    described = yaml.safe_load(member(package, "rdf.yaml"))
    cells = np.load(io.BytesIO(member(package, described["inputs"][0]["test_tensor"]["source"])))
    network = onnxruntime.InferenceSession(member(package, described["weights"]["onnx"]["source"]))
    values = network.run(None, {network.get_inputs()[0].name: cells})[0]
    scale, softmax, _ = described["outputs"][0]["postprocessing"]
    assert (scale["id"], softmax["id"]) == ("scale_linear", "softmax")
    values = np.exp(values * scale["kwargs"]["gain"])
    values /= values.sum(axis=1, keepdims=True)
    assert values[:, 0] == pytest.approx(classifier.predict_prepared(cells), abs=1e-4)
    assert np.load(io.BytesIO(member(package, "probabilities.npy"))) == pytest.approx(values, abs=1e-4)
    assert values[0, 0] > 0.5 > values[1, 0], "one drawn cell of each class"


def test_the_package_tells_how_cells_are_prepared_and_how_well_they_are_called(
    package: Path, classifier: Classifier
) -> None:
    documentation = member(package, "README.md").decode()
    assert classifier.card.intended_use in documentation
    assert "resized to 96 x 96 pixels" in documentation
    accuracy = classifier.card.evaluations[0].figures["accuracy"].value
    assert f"| {accuracy:.4f} (" in documentation
    assert member(package, "model.json").decode().count(classifier.card.sha256) == 1
    cover = Image.open(io.BytesIO(member(package, "cover.png")))
    assert cover.width == 2 * cover.height


def test_a_run_folders_network_is_packaged_with_all_its_outputs(classifier: Classifier, tmp_path: Path) -> None:
    tiny_classifier(classifier, tmp_path, familiar=False)
    write_bioimage_package(tmp_path / "tiny.zip", tmp_path, ["A. Person", "B. Person"])
    described = described_in(tmp_path / "tiny.zip")
    assert [str(output.id) for output in described.outputs] == ["probabilities", "features"]
    assert [author.name for author in described.authors] == ["A. Person", "B. Person"]
    assert "Rajaraman" not in str(described.cite), "whose data it learnt from is not known"


def test_classes_of_ones_own_come_out_in_their_order_under_their_names(classifier: Classifier, tmp_path: Path) -> None:
    tiny = tiny_classifier(classifier, tmp_path, familiar=False)
    own = {"format": 2, "class_names": ("late", "healthy"), "positive_classes": ("healthy",)}
    card = ModelCard.model_validate(tiny.card.model_dump(exclude={"positive_classes"}) | own)
    card.write(tmp_path / "model.onnx")
    write_bioimage_package(tmp_path / "own.zip", tmp_path, ["A. Person"])
    described = yaml.safe_load(member(tmp_path / "own.zip", "rdf.yaml"))
    (probabilities, _) = described["outputs"]
    assert probabilities["axes"][1]["channel_names"] == ["late", "healthy"]
    assert "infected where healthy is" in probabilities["description"]
    cells = np.load(io.BytesIO(member(tmp_path / "own.zip", "cells.npy")))
    expected = np.load(io.BytesIO(member(tmp_path / "own.zip", "probabilities.npy")))
    assert expected[:, 1] == pytest.approx(Classifier.load(tmp_path).predict_prepared(cells), abs=1e-5)


def test_a_network_for_one_cell_at_a_time_is_described_as_one(classifier: Classifier, tmp_path: Path) -> None:
    tiny = tiny_classifier(classifier, tmp_path, features=False, familiar=False)
    network = static_graph((tmp_path / "model.onnx").read_bytes(), cells=1)
    fields = tiny.card.model_dump(exclude={"created", "plasmoscope", "sha256"})
    save_network(tmp_path / "model.onnx", network, ModelCard.of(network, **fields))
    write_bioimage_package(tmp_path / "one.zip", tmp_path, ["A. Person"])
    described = described_in(tmp_path / "one.zip")
    assert [tensor.axes[0].size for tensor in described.inputs] == [1]
    assert [tensor.axes[0].size for tensor in described.outputs] == [1]


def test_what_a_package_cannot_describe_is_refused(classifier: Classifier, tmp_path: Path) -> None:
    (tmp_path / "tiny").mkdir()
    tiny_classifier(classifier, tmp_path / "tiny", familiar=False)
    with pytest.raises(ModelError, match="third output"):
        write_bioimage_package(tmp_path / "fields.zip", find_model(None, "fields"), ["A. Person"])
    with pytest.raises(ModelError, match="one of its two"):
        write_bioimage_package(tmp_path / "cascade.zip", tmp_path / "cascade.json", ["A. Person"])
    with pytest.raises(ModelError, match="--author"):
        write_bioimage_package(tmp_path / "mine.zip", tmp_path / "tiny")
    assert list(tmp_path.iterdir()) == [tmp_path / "tiny"]
