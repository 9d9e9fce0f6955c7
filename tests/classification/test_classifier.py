import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from plasmoscope import Classifier
from plasmoscope.classification.classifier import find_model
from plasmoscope.classification.views import VIEWS
from plasmoscope.imaging.cells import remarks_on, resize_cell
from plasmoscope.imaging.reading import ImageError
from plasmoscope.networks import ModelError, card_path


def test_the_shipped_model_tells_real_cells_apart(classifier: Classifier, real_cells: list[np.ndarray]) -> None:
    probabilities = classifier.predict(real_cells)
    assert probabilities.shape == (12,)
    assert np.count_nonzero((probabilities >= 0.5) == (np.arange(12) % 2 == 0)) >= 11


def test_the_shipped_model_is_small_and_says_what_it_is(classifier: Classifier) -> None:
    card = classifier.card
    assert find_model(None).stat().st_size <= 10_000_000
    assert card.class_names[0] == "Parasitized"
    assert {evaluation.part for evaluation in card.evaluations} == {"validation", "test"}
    assert "Not a medical device" in card.intended_use


def test_arrays_pictures_paths_and_single_ones_give_the_same_answer(
    classifier: Classifier, rendered_cells: list[tuple[np.ndarray, bool]], tmp_path: Path
) -> None:
    cell = rendered_cells[0][0]
    file = tmp_path / "cell.png"
    Image.fromarray(cell).save(file)
    rgba = np.dstack([cell, np.full(cell.shape[:2], 255, np.uint8)])
    answers = classifier.predict([cell, Image.fromarray(cell), file, str(file), rgba])
    assert np.allclose(answers, answers[0], atol=1e-4)
    for single in (cell, Image.fromarray(cell), file, str(file)):
        assert classifier.predict(single) == pytest.approx(answers[:1], abs=1e-4)


def test_an_answer_does_not_depend_on_the_company(
    classifier: Classifier, rendered_cells: list[tuple[np.ndarray, bool]]
) -> None:
    cells = [cell for cell, _ in rendered_cells]
    together = classifier.predict(cells)
    assert len(cells) > 64
    assert np.allclose(together[:3], [classifier.predict(cell)[0] for cell in cells[:3]], atol=1e-4)
    assert np.allclose(together, classifier.predict(cells[::-1])[::-1], atol=1e-4)
    assert classifier.predict([]).shape == (0,)


def test_eight_views_make_the_answer_blind_to_turning(
    classifier: Classifier, rendered_cells: list[tuple[np.ndarray, bool]]
) -> None:
    cell = classifier.prepare(rendered_cells[0][0])
    turned = [np.rot90(flipped, k) for flipped in (cell, cell[:, ::-1]) for k in range(4)]
    answers = classifier.predict(turned, views=8)
    assert np.allclose(answers, answers[0], atol=1e-4)


@pytest.mark.parametrize("count", VIEWS)
def test_views_are_all_different(count: int) -> None:
    batch = np.random.default_rng(0).integers(0, 256, (1, 5, 5, 3), np.uint8)
    assert len({np.ascontiguousarray(view(batch)).tobytes() for view in VIEWS[count]}) == count


@pytest.mark.parametrize(
    ("image", "reason"),
    [
        (np.zeros((20, 20, 3)), "ambiguous"),
        (np.zeros((20, 20, 5), np.uint8), "shape"),
        (np.zeros((0, 20, 3), np.uint8), "shape"),
        (np.zeros(20, np.uint8), "shape"),
        (Path("missing.png"), "cannot be opened"),
        (b"bytes", "no picture"),
    ],
)
def test_what_cannot_be_a_picture_is_refused_by_name(classifier: Classifier, image: object, reason: str) -> None:
    with pytest.raises(ImageError, match=reason) as caught:
        classifier.predict([np.zeros((9, 9, 3), np.uint8), image])  # type: ignore[list-item]
    assert str(caught.value).startswith(("image 1", "missing.png"))


def test_a_wrong_number_of_views_is_refused(classifier: Classifier) -> None:
    with pytest.raises(ValueError, match="1, 5, 8"):
        classifier.predict([np.zeros((9, 9, 3), np.uint8)], views=3)


def test_no_model_means_no_answer(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no model"):
        Classifier.load(tmp_path / "model.onnx")
    shutil.copy(find_model(None), tmp_path / "model.onnx")
    with pytest.raises(ModelError, match="card"):
        Classifier.load(tmp_path / "model.onnx")


def test_an_altered_model_is_refused(tmp_path: Path) -> None:
    for suffix in (".onnx", ".json"):
        shutil.copy(find_model(None).with_suffix(suffix), tmp_path / f"model{suffix}")
    assert Classifier.load(tmp_path).card == Classifier.load().card
    content = bytearray((tmp_path / "model.onnx").read_bytes())
    content[1000] ^= 1
    (tmp_path / "model.onnx").write_bytes(content)
    with pytest.raises(ModelError, match="checksum"):
        Classifier.load(tmp_path)
    (tmp_path / "model.json").write_text("{}")
    with pytest.raises(ModelError, match="not valid"):
        Classifier.load(tmp_path)


def test_pictures_that_are_no_cells_on_black_bring_a_warning(
    classifier: Classifier, real_cells: list[np.ndarray], recwarn: pytest.WarningsRecorder
) -> None:
    classifier.predict(real_cells)
    assert not recwarn.list
    on_white = [np.where(cell.max(axis=2, keepdims=True) <= 25, np.uint8(255), cell) for cell in real_cells[:3]]
    with pytest.warns(UserWarning, match="3 of the pictures"):
        classifier.predict(real_cells + on_white)


def test_what_cannot_be_judged_by_its_stain_is_remarked_on(real_cells: list[np.ndarray]) -> None:
    cells = np.stack([resize_cell(cell, 96) for cell in real_cells])
    assert not any(remarks_on(cells, [130] * len(cells)))
    grey = np.repeat(cells.mean(axis=3, keepdims=True).astype(np.uint8), 3, axis=3)
    assert {str(remark)[:14] for remark in remarks_on(grey)} == {"without colour"}
    assert "all black" in str(remarks_on(np.zeros_like(cells))[0])
    assert "whole field" in str(remarks_on(cells[:1], [2_400])[0])


def test_a_network_that_gives_no_numbers_calls_nothing(
    classifier: Classifier, real_cells: list[np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    nothing = [np.full((len(real_cells), 2), np.nan, np.float32)]
    monkeypatch.setattr(classifier, "_run", lambda cells, outputs: nothing * len(outputs))
    with pytest.raises(ModelError, match="gives no numbers"):
        classifier.predict(real_cells)


def test_a_card_that_was_saved_again_with_a_byte_order_mark_is_read(classifier: Classifier, tmp_path: Path) -> None:
    model = find_model(None)
    (tmp_path / "own.onnx").write_bytes(model.read_bytes())
    card_path(tmp_path / "own.onnx").write_bytes(b"\xef\xbb\xbf" + card_path(model).read_bytes())
    assert Classifier.load(tmp_path / "own.onnx", threads=1).card == classifier.card
