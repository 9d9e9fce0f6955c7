"""A set of three classes of one's own, from folders and a table of patients to calls, by the commands alone."""

import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from command_line import run
from plasmoscope.classification.batch import classify_sources
from plasmoscope.classification.card import ModelCard
from plasmoscope.classification.classifier import Classifier
from plasmoscope.classification.embedding import Embedder
from plasmoscope.csv_tables import read_csv
from plasmoscope.data.loading import load_cells
from plasmoscope.evaluation.comparison import read_run
from plasmoscope.imaging.sources import ImageFile
from plasmoscope.networks import card_path
from plasmoscope.synthetic.dataset import write_stages
from plasmoscope.synthetic.rendering import render_field
from plasmoscope.web.api.schemas import CellCalls
from stages import write_three_networks

NAMES = ("late stage", "ring", "uninfected")


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with cells, a module of networks, and a network of three classes that was trained and evaluated."""
    folder = tmp_path_factory.mktemp("own_set")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
        patch.delitem(sys.modules, "three_networks", raising=False)
        write_stages(folder / "cells", fields=2, seed=5)
        write_three_networks(folder)
        cells = ("--data", "cells", "--groups", "cells/patients.csv")
        train = ("train", "stages.toml", *cells, "--output", "run", "--accelerator", "cpu")
        assert run(*train, monkeypatch=patch) == 0
        evaluate = ("evaluate", *cells, "--model", "run", "--part", "test", "--by-smear")
        assert run(*evaluate, monkeypatch=patch) == 0
        yield folder


@pytest.fixture(autouse=True)
def _in_there(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(here)
    monkeypatch.setenv("XDG_CACHE_HOME", str(here / "cache"))


def one_of_each(here: Path) -> list[Path]:
    return [min((here / "cells" / name).glob("*.png")) for name in NAMES]


def test_the_run_keeps_the_classes_in_its_recipe_and_its_card(here: Path) -> None:
    classes = {"names": list(NAMES), "positive": ["late stage", "ring"]}
    assert json.loads((here / "run" / "config.json").read_text())["recipe"]["classes"] == classes
    card = Classifier.load(here / "run").card
    assert card.format == 2
    assert card.class_names == NAMES
    assert card.silence is None, "the third output is a class, not what is no cell"


def test_the_evaluation_tells_each_class_and_the_two_sides_alike(here: Path) -> None:
    folder = here / "run" / "evaluations"
    told = json.loads((folder / "test-1-view.json").read_text())
    confusion = np.array(told["classes"]["confusion"])
    assert told["classes"]["names"] == list(NAMES)
    assert confusion.sum() == told["cells"]
    infected = confusion[:2]
    assert infected[:, :2].sum() / infected.sum() == pytest.approx(told["figures"]["sensitivity"]["value"])
    assert set(told["classes"]["figures"]) == {"accuracy", "macro_f1", "macro_auc"}
    assert set(told["classes"]["by_class"]["ring"]) == {"sensitivity", "precision", "f1", "auc"}
    rows = read_csv(folder / "test-1-view.csv")
    for row in rows:
        shares = [float(row[f"p_{name}"]) for name in NAMES]
        assert sum(shares) == pytest.approx(1, abs=1e-5)
        assert sum(shares[:2]) == pytest.approx(float(row["parasitized_probability"]), abs=1e-5)
        assert row["patient"].startswith("patient ")
    assert (folder / "test-1-view-classes.png").stat().st_size > 0
    by_smear = json.loads((folder / "test-1-view-by-smear.json").read_text())
    assert np.array(by_smear["classes"]["confusion"]).sum() == told["cells"]


def test_compare_shows_the_classes_and_tests_by_patient(
    here: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("compare", "run", "--output", tmp_path / "RESULTS.csv", monkeypatch=monkeypatch) == 0
    assert "macro F1" in " ".join(capsys.readouterr().out.split())
    found = read_run(here / "run")
    cells = found.cells("test", 1)
    assert cells.shares is not None
    assert cells.shares.shape == (len(cells.names), 3)
    assert cells.patients == tuple(row["patient"] for row in read_csv(here / "run/evaluations/test-1-view.csv"))


def test_classify_gives_the_class_and_every_probability(
    here: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    files = one_of_each(here)
    for name, options in (("alone.csv", ()), ("smear.csv", ("--by-smear", "--threshold", "0.001"))):
        arguments = ("classify", *files, "--model", "run", *options, "--output", tmp_path / name)
        assert run(*arguments, monkeypatch=monkeypatch) == 0
        for row in read_csv(tmp_path / name):
            shares = {name: float(row[f"p_{name}"]) for name in NAMES}
            infected = shares["ring"] + shares["late stage"]
            assert infected == pytest.approx(float(row["probability"]), abs=1e-5)
            side = NAMES[:2] if row["call"] == "infected" else NAMES[2:]
            assert row["class"] == max(side, key=shares.__getitem__)
    assert "By class:" in capsys.readouterr().out
    assert run("classify", *files, "--model", "run", "--output", tmp_path / "a.json", monkeypatch=monkeypatch) == 0
    told = json.loads((tmp_path / "a.json").read_text())
    assert told["classes"] == {"names": list(NAMES), "positive": ["late stage", "ring"]}
    assert set(told["cells"][0]["class_probabilities"]) == set(NAMES)
    assert run("classify", *files, "--model", "run", monkeypatch=monkeypatch) == 0
    assert run("explain", files[0], "--model", "run", "--output", tmp_path / "e.png", monkeypatch=monkeypatch) == 0
    assert (tmp_path / "e.png").exists()


def test_what_the_shipped_model_tells_is_written_as_ever(
    here: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, classifier: Classifier
) -> None:
    files = one_of_each(here)
    assert run("classify", *files, "--output", tmp_path / "a.json", monkeypatch=monkeypatch) == 0
    cell = json.loads((tmp_path / "a.json").read_text())["cells"][0]
    assert not {"class_name", "class_probabilities"} & set(cell)
    assert run("classify", *files, "--output", tmp_path / "a.csv", monkeypatch=monkeypatch) == 0
    assert list(read_csv(tmp_path / "a.csv")[0])[-1] == "by"


def test_over_http_such_a_model_tells_the_class_and_the_shipped_one_does_not(
    here: Path, classifier: Classifier
) -> None:
    sources = [ImageFile(file) for file in one_of_each(here)]
    for model, tells in ((Classifier.load(here / "run"), True), (classifier, False)):
        calls = list(classify_sources(model, sources))
        sent = json.loads(CellCalls(cells=calls, model=model.name, threshold=model.threshold).model_dump_json())
        assert ("class_name" in sent["cells"][0]) == tells
        assert ("class_probabilities" in sent["cells"][0]) == tells


def test_the_shipped_model_and_one_of_three_classes_judge_each_others_cells_as_infected_or_not(
    here: Path, few_cells: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Pictures take long, and are not what is looked at.
    monkeypatch.setattr("matplotlib.figure.Figure.savefig", lambda *_, **__: None)
    on = ("--part", "all", "--output")
    assert run("evaluate", "--data", "cells", "--split", "80-20", *on, tmp_path / "a", monkeypatch=monkeypatch) == 0
    assert run("evaluate", "--data", few_cells, "--model", "run", *on, tmp_path / "b", monkeypatch=monkeypatch) == 0
    for folder in ("a", "b"):
        told = json.loads((tmp_path / folder / "all-1-view.json").read_text())
        assert "classes" not in told
        assert told["figures"]["auc"]["value"] >= 0
    truths = {row["truth"] for row in read_csv(tmp_path / "a" / "all-1-view.csv")}
    assert truths == set(NAMES)


def test_a_profile_is_made_of_cells_of_such_classes(
    here: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ("adapt", "cells", "--name", "own", "--model", "run", "--profiles", tmp_path / "profiles")
    code = run(*arguments, monkeypatch=monkeypatch)
    assert code == 0, capsys.readouterr().err
    kept = ("--profile", "own", "--profiles", tmp_path / "profiles", "--output", tmp_path / "a.csv")
    assert run("classify", *one_of_each(here), "--model", "run", *kept, monkeypatch=monkeypatch) == 0
    for row in read_csv(tmp_path / "a.csv"):
        assert sum(float(row[f"p_{name}"]) for name in NAMES) == pytest.approx(1, abs=1e-5)
        infected = float(row["p_ring"]) + float(row["p_late stage"])
        assert infected == pytest.approx(float(row["probability"]), abs=1e-5)


def test_data_of_other_classes_than_the_models_is_refused_with_both(
    here: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(here / "cells", tmp_path / "data")
    (tmp_path / "data" / "late stage").rename(tmp_path / "data" / "schizont")
    assert run("evaluate", "--data", tmp_path / "data", "--model", "run", monkeypatch=monkeypatch) == 2
    said = " ".join(capsys.readouterr().err.split())
    assert "late stage, ring and uninfected" in said
    assert "schizont (" in said


@pytest.mark.slow
def test_a_network_of_timm_tells_three_classes_too(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    changes = ("--set", "model=timm/test_resnet", "--set", "class_weights=balanced", "--set", "balanced_sampler=true")
    cells = ("--data", "cells", "--groups", "cells/patients.csv")
    arguments = ("train", "stages.toml", *cells, *changes, "--output", "timm", "--accelerator", "cpu")
    assert run(*arguments, monkeypatch=monkeypatch) == 0
    shares = Classifier.load(here / "timm").predict_classes(one_of_each(here))
    assert shares.shape == (3, 3)
    assert load_cells(here / "cells").classes == Classifier.load(here / "timm").classes


def test_a_slide_is_counted_by_such_a_model(here: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Image.fromarray(render_field(4, 480, 360, cells=12).image).save(tmp_path / "field.png")
    arguments = ("analyze", tmp_path / "field.png", "--model", "run", "--output", tmp_path / "report")
    assert run(*arguments, monkeypatch=monkeypatch) == 0
    slide = json.loads((tmp_path / "report" / "slide.json").read_text())
    assert slide["model"]


@pytest.mark.parametrize(("to", "suffix"), [("onnx-static", "onnx"), ("torch", "pt2")])
def test_such_a_model_is_exported_and_says_the_same(
    here: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, to: str, suffix: str
) -> None:
    file = tmp_path / f"exported.{suffix}"
    cells = ("--data", "cells", "--groups", "cells/patients.csv")
    assert run("export", "run", *cells, "--to", to, "--output", file, monkeypatch=monkeypatch) == 0
    card = ModelCard.model_validate_json(card_path(file).read_bytes())
    assert card.classes.names == NAMES
    assert card.export is not None
    assert card.export.largest_difference < 1e-4


def test_embeddings_come_with_the_probability_that_the_classes_sum_to(here: Path) -> None:
    classifier = Classifier.load(here / "run")
    cells = classifier.prepare_batch(one_of_each(here))
    embedded, infected = Embedder.load(here / "run").embed_prepared(cells)
    assert len(embedded) == 3
    assert infected == pytest.approx(classifier.predict_classes(one_of_each(here))[:, :2].sum(axis=1), abs=1e-5)
