"""Embeddings of cells, and the network as scikit-learn's estimators."""

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.model_selection import GridSearchCV, StratifiedGroupKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import check_estimator
from sklearn.utils.validation import validate_data

from command_line import run
from plasmoscope import Classifier
from plasmoscope.classification.embedding import Embedder, embed_sources
from plasmoscope.classification.estimators import CellClassifier, CellEmbedder
from plasmoscope.imaging.sources import find_images
from plasmoscope.networks import ModelError
from tiny_network import SIDE, coloured_cells, tiny_classifier


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory, classifier: Classifier) -> Path:
    """A network that sees mean colours, whose last layer takes them."""
    folder = tmp_path_factory.mktemp("tiny")
    tiny_classifier(classifier, folder)
    return folder


def test_logits_are_a_linear_function_of_the_last_layers_embedding(
    classifier: Classifier, real_cells: list[np.ndarray]
) -> None:
    embedder = Embedder.load(threads=1)
    cells = classifier.prepare_batch(real_cells)
    embeddings, probabilities = embedder.embed_prepared(cells)
    assert embeddings.shape == (len(real_cells), 1280)
    assert probabilities.tolist() == classifier.predict_prepared(cells).tolist()
    # The last layer has far fewer outputs than it takes numbers: one direction tells the two kinds apart.
    logits = classifier.logits(cells)
    weights, *_ = np.linalg.lstsq(np.c_[embeddings, np.ones(len(cells))], logits, rcond=None)
    assert np.allclose(np.c_[embeddings, np.ones(len(cells))] @ weights, logits, atol=1e-3)


def test_views_are_averaged_and_a_middle_layer_is_what_profiles_are_made_of(
    field_classifier: Classifier, real_cells: list[np.ndarray]
) -> None:
    embedder = Embedder.load(use="fields", layer="middle", threads=1)
    cells = field_classifier.prepare_batch(real_cells[:2])
    assert np.array_equal(embedder.embed_prepared(cells)[0], field_classifier.logits_and_features(cells)[1])
    turned = np.rot90(cells, 1, (1, 2)).copy()
    one, other = (embedder.embed_prepared(each, 8)[0] for each in (cells, turned))
    assert np.allclose(one, other, atol=1e-4)
    with pytest.raises(ModelError, match="no features of a middle layer"):
        Embedder.load(layer="middle")
    with pytest.raises(ValueError, match="1, 5, 8"):
        embedder.embed_prepared(cells, 3)


def test_embeddings_keep_the_names_of_cells_and_broken_files_are_told(
    tmp_path: Path, real_cells: list[np.ndarray], monkeypatch: pytest.MonkeyPatch, tiny: Path
) -> None:
    from PIL import Image
    from pyarrow.parquet import read_table

    folder = tmp_path / "cells"
    folder.mkdir()
    for index, cell in enumerate(real_cells[:3]):
        Image.fromarray(cell).save(folder / f"cell_{index}.png")
    (folder / "broken.png").write_text("no picture")
    names = [str(folder / f"cell_{index}.png") for index in range(3)]
    found = embed_sources(Embedder.load(tiny), find_images([folder]))
    assert [one.name for one in found if one.error is None] == names
    for suffix in ("npz", "parquet"):
        output = tmp_path / f"cells.{suffix}"
        assert run("embed", folder, "--model", tiny, "--output", output, monkeypatch=monkeypatch) == 1
    with np.load(tmp_path / "cells.npz", allow_pickle=False) as written:
        assert written["names"].tolist() == names
        assert written["embeddings"].shape == (3, 3)
        assert str(written["model_sha256"]) == Classifier.load(tiny).card.sha256
        table = read_table(tmp_path / "cells.parquet").to_pylist()
        assert [row["name"] for row in table] == names
        assert np.allclose([row["embedding"] for row in table], written["embeddings"])
        assert np.allclose([row["probability"] for row in table], written["probabilities"])
    assert run("embed", folder, "--output", tmp_path / "cells.txt", monkeypatch=monkeypatch) == 2


def test_a_head_learns_any_classes_from_few_cells_and_can_be_crossvalidated_by_patient(tiny: Path) -> None:
    cells, infected = coloured_cells(60, channel=1, seed=3)
    classes = np.where(infected, "ring", "none")
    patients = [f"P{index // 6}" for index in range(60)]
    estimator = CellClassifier(LogisticRegression(), model=tiny)
    with pytest.raises(NotFittedError):
        estimator.predict(cells)
    folds = StratifiedGroupKFold(5)
    said = cross_val_predict(clone(estimator), cells, classes, groups=patients, cv=folds)
    assert (said == classes).mean() > 0.9
    estimator.fit(cells, classes)
    assert estimator.classes_.tolist() == ["none", "ring"]
    assert np.allclose(estimator.predict_proba(cells).sum(axis=1), 1)
    assert estimator.transform(cells).shape == (60, 3)
    again = pickle.loads(pickle.dumps(estimator))
    assert np.array_equal(again.predict_proba(cells), estimator.predict_proba(cells))
    search = GridSearchCV(estimator, {"head__C": [1e-6, 1.0]}, scoring="neg_log_loss", cv=folds).fit(
        cells, classes, groups=patients
    )
    assert search.best_params_ == {"head__C": 1.0}


def test_the_embedder_is_a_step_of_a_pipeline_with_named_columns(tiny: Path) -> None:
    cells, infected = coloured_cells(40, channel=0, apart=40)
    pipeline = make_pipeline(CellEmbedder(tiny).set_output(transform="default"), LogisticRegression(C=100))
    assert pipeline.fit(cells, infected).score(cells, infected) > 0.9
    assert pipeline[:-1].get_feature_names_out().tolist() == ["last_0", "last_1", "last_2"]


def test_a_head_that_can_goes_on_learning(tiny: Path) -> None:
    cells, infected = coloured_cells(60, channel=1)
    estimator = CellClassifier(SGDClassifier(loss="log_loss", random_state=0), model=tiny)
    for start in range(0, 60, 20):
        some = slice(start, start + 20)
        estimator.partial_fit(cells[some], infected[some], classes=[False, True])
    assert estimator.score(cells, infected) > 0.9
    assert not hasattr(CellClassifier(model=tiny), "partial_fit"), "a logistic regression begins anew each time"


def test_what_is_no_sequence_of_pictures_and_a_model_that_was_exchanged_are_refused(
    tiny: Path, tmp_path: Path, classifier: Classifier
) -> None:
    cells, infected = coloured_cells(20, channel=0)
    estimator = CellClassifier(model=tiny).fit(cells, infected)
    for wrong in ("cell.png", cells[0], np.zeros((3, 5))):
        with pytest.raises(ValueError, match="sequence of pictures"):
            estimator.predict(wrong)
    with pytest.raises(ValueError, match="20 pictures and 19 classes"):
        estimator.fit(cells, infected[:-1])
    tiny_classifier(classifier, tmp_path)
    fitted = CellEmbedder(tmp_path).fit(cells)
    fitted.model_sha256_ = "another"
    with pytest.raises(ModelError, match="another one now"):
        fitted.transform(cells)


class _ColumnsAsPictures:
    """Rows of numbers drawn as coloured pictures, so that scikit-learn's checks, which know no pictures, can ask."""

    def fit(self, X: Any, y: Any = None, **more: Any) -> Any:  # noqa: N803
        # A missing y is for the estimator to refuse.
        given = {} if y is None else {"y": y}
        rows = validate_data(self, X, dtype=None, ensure_min_samples=2, **given)
        rows = rows[0] if given else rows
        return super().fit(_drawn(rows), *([y] if given or isinstance(self, CellClassifier) else []), **more)  # type: ignore[misc]

    def _asked(self, name: str, X: Any) -> Any:  # noqa: N803
        from sklearn.utils.validation import check_is_fitted

        check_is_fitted(self)
        return getattr(super(), name)(_drawn(validate_data(self, X, reset=False, dtype=None)))

    def transform(self, X: Any) -> Any:  # noqa: N803
        return self._asked("transform", X)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()  # type: ignore[misc]
        tags.input_tags.two_d_array = True
        return tags


class ColumnsClassifier(_ColumnsAsPictures, CellClassifier):  # type: ignore[misc]
    def predict(self, X: Any) -> Any:  # noqa: N803
        return self._asked("predict", X)

    def predict_proba(self, X: Any) -> Any:  # noqa: N803
        return self._asked("predict_proba", X)

    def decision_function(self, X: Any) -> Any:  # noqa: N803
        return self._asked("decision_function", X)


class ColumnsEmbedder(_ColumnsAsPictures, CellEmbedder):
    pass


def _drawn(rows: Any) -> np.ndarray:
    """Pictures whose mean colours are the first three columns, squeezed into bytes; shape (n, SIDE, SIDE, 3)."""
    numbers = np.asarray(rows, np.float64)
    colours = np.zeros((len(numbers), 3))
    colours[:, : numbers.shape[1]] = 255 / (1 + np.exp(-numbers[:, :3] / 4))
    return np.broadcast_to(colours[:, None, None], (len(numbers), SIDE, SIDE, 3)).astype(np.uint8)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", [ColumnsClassifier, ColumnsEmbedder])
def test_scikit_learns_own_checks_pass(kind: Any, tiny: Path) -> None:
    results = check_estimator(kind(model=tiny), on_fail=None, on_skip=None)
    failed = {one["check_name"]: one["exception"] for one in results if one["status"] == "failed"}
    assert not failed
    assert len([one for one in results if one["status"] == "passed"]) > 30
