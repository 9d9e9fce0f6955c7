import tracemalloc

import numpy as np
import pytest

from plasmoscope import Classifier
from plasmoscope.classification.explanation import explain
from plasmoscope.synthetic.rendering import SyntheticField, crop_cell, render_field


@pytest.fixture(scope="module")
def field() -> SyntheticField:
    return render_field(5, cells=40, parasitaemia=0.3)


def crops(field: SyntheticField, infected: bool) -> list[np.ndarray]:
    return [crop_cell(field, i) for i, cell in enumerate(field.cells) if cell.whole and cell.infected == infected][:5]


def test_without_its_hottest_part_a_parasitized_cell_is_called_uninfected(
    field: SyntheticField, classifier: Classifier
) -> None:
    for crop in crops(field, infected=True):
        cell = classifier.prepare(crop)
        inside = cell.any(axis=2)
        heat = explain(classifier, crop).heat
        hottest = inside & (heat >= np.quantile(heat[inside], 0.6))
        coldest = inside & (heat <= np.quantile(heat[inside], 0.4))
        without_hottest, without_coldest = cell.copy(), cell.copy()
        without_hottest[hottest] = without_coldest[coldest] = np.median(cell[inside], axis=0)
        assert classifier.predict([crop, without_coldest]) == pytest.approx([0.99, 0.99], abs=0.02)
        assert classifier.predict([without_hottest])[0] < 0.1


def test_nothing_stands_out_in_an_uninfected_cell(field: SyntheticField, classifier: Classifier) -> None:
    for crop in crops(field, infected=False):
        assert not explain(classifier, crop).found


def test_the_black_around_a_cell_explains_nothing(field: SyntheticField, classifier: Classifier) -> None:
    crop = crops(field, infected=True)[0]
    explanation = explain(classifier, crop)
    assert explanation.found
    outside = ~classifier.prepare(crop).any(axis=2)
    assert outside.any()
    assert not explanation.heat[outside].any()


def test_a_black_picture_is_explained_by_nothing(classifier: Classifier) -> None:
    assert not explain(classifier, np.zeros((50, 50, 3), np.uint8)).found


def test_the_network_never_gets_more_pictures_at_once_than_it_bears(
    field: SyntheticField, classifier: Classifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[int] = []
    run = classifier._session.run

    class Watched:
        def run(self, names: None, feeds: dict[str, np.ndarray]) -> list[np.ndarray]:
            given.extend(len(cells) for cells in feeds.values())
            return list(run(names, feeds))

    monkeypatch.setattr(classifier, "_session", Watched())
    crop = crops(field, infected=True)[0]
    explain(classifier, crop)
    assert sum(given) == 452
    classifier.logits(np.stack([classifier.prepare(crop)] * 100))
    assert max(given) <= 32


def test_an_explanation_is_made_in_little_memory(field: SyntheticField, classifier: Classifier) -> None:
    crop = crops(field, infected=True)[0]
    tracemalloc.start()
    try:
        explain(classifier, crop)
        # 452 covered pictures at once, as floating-point numbers, take 100 MB for each step of their making.
        assert tracemalloc.get_traced_memory()[1] < 80_000_000
    finally:
        tracemalloc.stop()
