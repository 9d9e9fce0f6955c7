"""A report in napari: found by its manifest, and the same objects as in the report; no window is needed."""

import hashlib
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from npe2 import PluginManager, PluginManifest
from npe2.io_utils import _read

from doc_pages import ROOT
from plasmoscope.analysis.calls import drawn_as
from plasmoscope.analysis.results import Field, Slide
from plasmoscope.interop.napari_reader import read_report
from plasmoscope.reports.illustrations import encode_png
from plasmoscope.reports.slide_json import slide_json
from slides import rendered_field, slide_of

MANIFEST = ROOT / "src" / "plasmoscope" / "interop" / "napari.yaml"


def saved(folder: Path, name: str, seed: int) -> tuple[np.ndarray, Field]:
    """A photograph in a folder, and what was found on it."""
    image, field = rendered_field(name, seed)
    image = image[: 360 - seed]
    file = folder / name
    file.write_bytes(encode_png(image))
    changed = {"sha256": hashlib.sha256(file.read_bytes()).hexdigest(), "height": image.shape[0]}
    return image, field.model_copy(update=changed)


@pytest.fixture
def analysed(tmp_path: Path) -> tuple[Path, Slide, list[np.ndarray]]:
    """A report beside the folder with the slide's two photographs, of which one is smaller."""
    photographs, report = tmp_path / "slide-17", tmp_path / "report-17"
    photographs.mkdir()
    report.mkdir()
    pairs = [saved(photographs, "one.png", 3), saved(photographs, "two [a].png", 5)]
    slide = slide_of(*(field for _, field in pairs))
    (report / "slide.json").write_text(slide_json(slide))
    return report, slide, [image for image, _ in pairs]


def by_kind(layers: list[Any]) -> dict[str, Any]:
    return {kind: (data, meta) for data, meta, kind in layers}


def test_napari_finds_the_reader_by_the_manifest(
    analysed: tuple[Path, Slide, list[np.ndarray]], tmp_path: Path
) -> None:
    report, *_ = analysed
    entry = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["entry-points"]["napari.manifest"]
    assert entry == {"plasmoscope": "plasmoscope.interop:napari.yaml"}
    plugins = PluginManager()
    plugins.register(PluginManifest.from_file(MANIFEST))
    plugins.activate("plasmoscope")
    for path in (report, report / "slide.json"):
        assert [kind for *_, kind in _read([str(path)], stack=False, _pm=plugins)] == ["image", "labels", "points"]
    (tmp_path / "other").mkdir()
    with pytest.raises(ValueError, match="No readers"):
        _read([str(tmp_path / "other")], stack=False, _pm=plugins)


def test_the_layers_show_each_photograph_with_what_was_found_on_it(
    analysed: tuple[Path, Slide, list[np.ndarray]],
) -> None:
    report, slide, images = analysed
    layers = by_kind(read_report(str(report)))
    photographs, outlines, (centres, rings) = layers["image"][0], layers["labels"], layers["points"]
    assert photographs.shape == (2, 357, 480, 3)
    for place, image in enumerate(images):
        assert np.array_equal(photographs[place, : len(image)].compute(), image)
    objects = [(place, cell) for place, field in enumerate(slide.fields) for cell in field.cells]
    labels = outlines[0].compute()
    for number, (place, cell) in enumerate(objects, start=1):
        assert centres[number - 1] == pytest.approx((place, cell.centre[1], cell.centre[0]))
        x, y = cell.outline[0]
        assert labels[place, y, x] in {number, *range(number + 1, len(objects) + 1)}, "it, or what was drawn over it"
        assert not (labels[1 - place] == number).any()
        assert rings["features"]["call"][number - 1] == drawn_as(cell).name
        probability = rings["features"]["p_infected"][number - 1]
        assert probability == cell.parasitized_probability or (np.isnan(probability) and cell.parasitized is None)
        assert outlines[1]["features"]["number"][number] == cell.number
    assert sum(rings["features"]["counted"]) == sum(field.counted for field in slide.fields)
    assert rings["metadata"]["research_use"] == slide.research_use


def test_photographs_that_are_missing_or_others_of_their_name_are_said_and_not_shown(
    analysed: tuple[Path, Slide, list[np.ndarray]], tmp_path: Path
) -> None:
    report, _, images = analysed
    (tmp_path / "slide-17" / "one.png").write_bytes(encode_png(255 - images[0]))
    with pytest.warns(UserWarning, match=r"1 of the 2 photographs .*one\.png"):
        layers = by_kind(read_report(str(report)))
    assert not layers["image"][0][0].compute().any()
    (tmp_path / "slide-17" / "two [a].png").unlink()
    with pytest.warns(UserWarning, match="2 of the 2 photographs"):
        layers = by_kind(read_report(str(report)))
    assert set(layers) == {"labels", "points"}
