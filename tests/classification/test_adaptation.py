"""Profiles: what a laboratory's called cells teach, when none is made, and that every result tells which touched it."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from measured import measured
from plasmoscope import Classifier, SlideOptions, analyze_slide
from plasmoscope.analysis.finished_fields import DoneFields
from plasmoscope.analysis.method import Calling, Method, calling
from plasmoscope.analysis.performance import PerformanceError
from plasmoscope.analysis.results import Cell, Outline
from plasmoscope.classification import adaptation
from plasmoscope.classification.adaptation import LEAST_CELLS, MOST_LOST, adapt, observe
from plasmoscope.classification.classifier import find_model
from plasmoscope.classification.familiar import FamiliarCells, familiar_of, familiar_path, read_familiar
from plasmoscope.classification.profile import Profile, ProfileError
from plasmoscope.classification.profiles import Profiles
from plasmoscope.cli import app
from plasmoscope.data.nih import load_nih
from plasmoscope.evaluation.boxes import TrueBox
from plasmoscope.evaluation.labelled_cells import labelled_cells
from plasmoscope.i18n.languages import ENGLISH
from plasmoscope.reports.slide_json import read_slide, slide_json
from plasmoscope.reports.wording import ReportWords
from plasmoscope.synthetic.rendering import render_field
from plasmoscope.training.familiar import make_familiar
from slides import rendered_field, slide_of
from tiny_network import coloured_cells, tiny_classifier

_, FIELD = rendered_field()


@pytest.fixture(scope="module")
def tiny(classifier: Classifier, tmp_path_factory: pytest.TempPathFactory) -> Classifier:
    return tiny_classifier(classifier, tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="module")
def folder(tiny: Classifier, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the tiny model and 60 cells, as ``export-cells`` writes them, in which blue tells the infected."""
    root = tmp_path_factory.mktemp("laboratory")
    tiny_classifier(tiny, root)
    for number, (cell, infected) in enumerate(zip(*coloured_cells(60, 2, apart=35), strict=True)):
        place = root / "ours" / "cell_images" / ("Parasitized" if infected else "Uninfected")
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(cell).save(place / f"C1001P1001S1_IMG_1_cell_{number}.png")
    return root


def made(
    classifier: Classifier, cells: list[np.ndarray], infected: np.ndarray, familiar: FamiliarCells | None = None
) -> Profile:
    prepared = np.stack([classifier.prepare(cell) for cell in cells])
    return adapt(observe(classifier, prepared), infected, classifier.card, familiar, "ours", source="tests")


def familiar_in(folder: Path, classifier: Classifier) -> FamiliarCells:
    return read_familiar(folder / "model.onnx", classifier.card.sha256)


def profile_of(classifier: Classifier, **changes: object) -> Profile:
    content = {
        "name": "ours",
        "version": 2,
        "created": "2026-03-01",
        "plasmoscope": "0.1.0",
        "model": classifier.card.name,
        "model_sha256": classifier.card.sha256,
        "temperature": 1.0,
        "offset": 0.5,
        "threshold": 0.7,
        "source": "tests",
        "infected": 25,
        "uninfected": 25,
        "log_loss_before": 0.6,
        "log_loss": 0.3,
        "trial": {"found_before": 12, "found": 20, "wrong_before": 4, "wrong": 1},
    }
    return Profile.model_validate(content | changes)


# What is learnt, and what is not unlearnt


def test_fifty_cells_teach_what_tells_the_infected_here_and_cost_little_where_the_model_learnt(
    tiny: Classifier, folder: Path
) -> None:
    cells, infected = coloured_cells(LEAST_CELLS, 2, seed=3, apart=35)
    profile = made(tiny, cells, infected, familiar_in(folder, tiny))
    new, truth = coloured_cells(400, 2, seed=4, apart=35)
    known, known_truth = coloured_cells(400, 0, seed=5)

    def right(classifier: Classifier, some: list[np.ndarray], calls: np.ndarray) -> float:
        return float(((classifier.predict(some, views=8) >= 0.5) == calls).mean())

    ours = tiny.with_profile(profile)
    assert right(ours, new, truth) > right(tiny, new, truth) + 0.1
    assert right(ours, known, known_truth) > right(tiny, known, known_truth) - 0.03
    assert profile.familiar_accuracy_change is not None
    assert profile.familiar_accuracy_change >= -MOST_LOST
    assert profile.log_loss < profile.log_loss_before
    assert len(profile.weights) == 3


@pytest.mark.parametrize(("channel", "paler"), [(2, 0), (0, 14)])
def test_at_the_threshold_of_a_profile_no_less_is_found_and_no_more_is_called_wrongly(
    tiny: Classifier, folder: Path, channel: int, paler: int
) -> None:
    """Where the model calls by chance, and where it reads the stain well but calls too much."""

    def here(number: int, seed: int) -> tuple[list[np.ndarray], np.ndarray]:
        cells, infected = coloured_cells(number, channel, seed=seed)
        change = np.array([paler, 0, -paler])
        return [np.clip(cell + change, 0, 255).astype(np.uint8) for cell in cells], infected

    profile = made(tiny, *here(LEAST_CELLS, 3), familiar_in(folder, tiny))
    new, truth = here(600, 4)
    before = tiny.predict(new, views=8) >= tiny.card.counting_threshold
    after = tiny.with_profile(profile).predict(new, views=8) >= profile.threshold
    assert after[truth].mean() >= before[truth].mean()
    assert after[~truth].mean() <= before[~truth].mean()


@pytest.mark.parametrize("number", [LEAST_CELLS - 2, LEAST_CELLS])
def test_too_few_cells_of_a_kind_make_no_profile(tiny: Classifier, number: int) -> None:
    cells, infected = coloured_cells(number, 2)
    if number == LEAST_CELLS:
        infected = np.arange(number) < adaptation.LEAST_OF_A_KIND - 1
    with pytest.raises(ProfileError, match=f"at least {LEAST_CELLS} cells.*Call more cells"):
        made(tiny, cells, infected)


def test_cells_that_the_model_calls_well_already_make_no_profile(tiny: Classifier, folder: Path) -> None:
    """Chance must not pass for learning."""
    cells, infected = coloured_cells(80, 0, seed=6)
    with pytest.raises(ProfileError, match="No profile was made"):
        made(tiny, cells, infected, familiar_in(folder, tiny))


def test_calls_that_contradict_what_the_model_knows_unlearn_it_by_no_more_than_may_be(
    tiny: Classifier, folder: Path
) -> None:
    """As where infected and uninfected were mistaken for each other: there is no way to learn both."""
    cells, infected = coloured_cells(80, 0, seed=7)
    with pytest.raises(ProfileError, match="No profile was made"):
        made(tiny, cells, ~infected, familiar_in(folder, tiny))


def test_a_network_without_features_is_recalibrated_alone(classifier: Classifier, tmp_path: Path) -> None:
    """And its calls keep the order that they have."""
    plain = tiny_classifier(classifier, tmp_path, features=False)
    assert not familiar_path(tmp_path / "model.onnx").exists()
    cells, infected = coloured_cells(LEAST_CELLS, 0, seed=8)
    # All cells are paler here: the model takes every one for infected.
    paler = [np.clip(cell + np.uint8(25), 0, 255).astype(np.uint8) for cell in cells]
    profile = made(plain, paler, infected)
    assert profile.weights == ()
    assert profile.familiar_accuracy_change is None
    before, after = plain.predict(paler), plain.with_profile(profile).predict(paler)
    assert ((after >= 0.5) == infected).mean() > ((before >= 0.5) == infected).mean()
    assert (np.argsort(before) == np.argsort(after)).all()


def test_a_profile_is_small_data_and_has_the_hash_of_its_content(tiny: Classifier) -> None:
    profile = profile_of(tiny)
    assert profile.sha256 == profile_of(tiny).sha256
    assert profile.sha256 != profile_of(tiny, offset=0.6).sha256
    assert Profile.model_validate_json(profile.model_dump_json()) == profile


def test_a_profile_fits_no_other_network(tiny: Classifier, classifier: Classifier) -> None:
    with pytest.raises(ProfileError, match="made for the model tiny"):
        classifier.with_profile(profile_of(tiny))


def test_what_is_kept_of_familiar_cells_is_small_and_what_lacks_or_is_damaged_says_so(
    tiny: Classifier, tmp_path: Path
) -> None:
    model = tmp_path / "model.onnx"
    tiny_classifier(tiny, tmp_path)
    file = familiar_path(model)
    assert file.stat().st_size < 2**20
    assert read_familiar(model, tiny.card.sha256).model_sha256 == tiny.card.sha256
    with pytest.raises(ProfileError, match="belongs to another model"):
        read_familiar(model, "f" * 64)
    file.write_bytes(file.read_bytes()[:500])
    with pytest.raises(ProfileError, match="is missing or damaged"):
        read_familiar(model, tiny.card.sha256)
    file.unlink()
    with pytest.raises(ProfileError, match=r"is missing or damaged.*Copy it from where the model is from"):
        read_familiar(model, tiny.card.sha256)


def test_what_the_model_that_ships_must_not_unlearn_lies_beside_it(field_classifier: Classifier) -> None:
    familiar = familiar_of(field_classifier, find_model(None, "fields"))
    assert familiar is not None
    assert len(familiar.parasitized) > 2_000


def test_familiar_cells_are_made_for_a_model_that_has_none(tiny: Classifier, folder: Path, tmp_path: Path) -> None:
    tiny_classifier(tiny, tmp_path, familiar=False)
    dataset = load_nih(folder / "ours")
    file = make_familiar(tmp_path / "model.onnx", dataset, "seed42")
    assert file == familiar_path(tmp_path / "model.onnx")
    assert set(read_familiar(tmp_path / "model.onnx", tiny.card.sha256).parasitized.tolist()) == {True, False}


# Every result keeps which profile touched it


def test_a_slide_keeps_the_profile_that_it_was_called_under(classifier: Classifier, tmp_path: Path) -> None:
    image = render_field(31, 480, 360, cells=12, parasitaemia=0.3).image
    # So sure of all cells that none is left uncalled.
    profile = profile_of(classifier, offset=80.0)
    ours = classifier.with_profile(profile)
    slide = analyze_slide([image], ours)
    assert slide.profile == profile.used
    assert slide.threshold == profile.threshold
    assert slide.count.infected == slide.count.counted > 0
    file = tmp_path / "slide.json"
    file.write_text(slide_json(slide))
    assert read_slide(file).profile == profile.used
    assert f"profile ours, version 2 (SHA-256 {profile.sha256})" in ReportWords(ENGLISH).versions(slide)
    assert Method.of(ours, calling(ours)).profile == profile.used
    assert analyze_slide([image], classifier).profile is None


def test_a_slide_of_a_version_without_profiles_is_read(tmp_path: Path) -> None:
    content = json.loads(slide_json(slide_of(FIELD)))
    del content["profile"]
    file = tmp_path / "slide.json"
    file.write_text(json.dumps(content))
    assert read_slide(file) == slide_of(FIELD)


def test_what_was_measured_without_the_profile_corrects_no_count_under_it(classifier: Classifier) -> None:
    ours = classifier.with_profile(profile_of(classifier, threshold=0.5))
    here = measured(model_sha256=classifier.card.sha256, threshold=0.5, views=8)
    here.check(classifier.card.sha256, 0.5, 8)
    with pytest.raises(PerformanceError, match="another profile: none"):
        analyze_slide([b"never read"], ours, SlideOptions(performance=here))


def test_an_interrupted_run_goes_on_under_its_own_profile_alone(classifier: Classifier, tmp_path: Path) -> None:
    plain, ours = Calling(0.5, 8), Calling(0.5, 8, profile=profile_of(classifier).used)
    field = FIELD.model_copy(update={"sha256": "0" * 64})
    DoneFields(tmp_path, classifier.card.sha256, plain, False).keep(field)
    assert DoneFields(tmp_path, classifier.card.sha256, plain, False).kept(field.name, field.sha256) == field
    assert DoneFields(tmp_path, classifier.card.sha256, ours, False).kept(field.name, field.sha256) is None


# Keeping and taking back


def test_a_profile_is_taken_back_version_by_version(tiny: Classifier, tmp_path: Path) -> None:
    kept = Profiles(tmp_path)
    assert kept.names() == []
    first, second = (profile_of(tiny, version=version) for version in (1, 2))
    for profile in (first, second):
        assert kept.next_version("ours") == profile.version
        kept.save(profile)
    assert kept.names() == ["ours"]
    assert kept.load("ours") == second
    assert kept.undo("ours") == first
    assert kept.load("ours") == first
    assert kept.next_version("ours") == 3, "no two profiles are ever of one name and version"
    assert kept.undo("ours") is None
    with pytest.raises(ProfileError, match="There is no profile 'ours'"):
        kept.load("ours")


@pytest.mark.parametrize("name", ["", "..", "../elsewhere", "a/b", "con.txt", "a" * 65, "-x"])
def test_a_name_that_is_a_path_is_none(name: str, tmp_path: Path) -> None:
    with pytest.raises(ProfileError):
        Profiles(tmp_path).next_version(name)
    with pytest.raises(ProfileError):
        Profiles(tmp_path).load(name)


def test_the_commands_make_show_use_and_take_back_a_profile(folder: Path, tmp_path: Path) -> None:
    model, kept = folder / "model.onnx", ["--profiles", str(tmp_path / "profiles")]

    def run(*arguments: object) -> str:
        result = CliRunner().invoke(app, [str(argument) for argument in arguments])
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return " ".join(result.output.split())

    said = run("adapt", folder / "ours", "--name", "kisumu", "--model", model, *kept)
    assert "Profile 'kisumu', version 1, of 30 infected and 30 other cells" in said
    assert "kisumu" in run("profiles", "list", *kept)
    assert "familiar accuracy change" in run("profiles", "show", "kisumu", *kept)
    photograph = tmp_path / "one.png"
    Image.fromarray(render_field(31, 480, 360, cells=12, parasitaemia=0.3).image).save(photograph)
    output = tmp_path / "out"
    run("analyze", photograph, "--model", model, "--profile", "kisumu", "--output", output, *kept)
    assert read_slide(output / "slide.json").profile == Profiles(tmp_path / "profiles").load("kisumu").used
    cell = next((folder / "ours").rglob("*.png"))
    run("classify", cell, "--model", model, "--profile", "kisumu", "--output", tmp_path / "cells.json", *kept)
    called = json.loads((tmp_path / "cells.json").read_text())
    ours = Profiles(tmp_path / "profiles").load("kisumu")
    assert (called["profile"], called["threshold"]) == (ours.used.model_dump(mode="json"), ours.threshold)
    run("classify", cell, "--model", model, "--output", tmp_path / "plain.csv", *kept)
    run("classify", cell, "--model", model, "--profile", "kisumu", "--output", tmp_path / "cells.csv", *kept)
    plain, under = (next(csv.DictReader((tmp_path / name).open())) for name in ("plain.csv", "cells.csv"))
    assert (plain["profile"], under["profile"]) == ("", str(ours.used))
    assert plain["parasitized_probability"] != under["parasitized_probability"]
    run("explain", cell, "--model", model, "--profile", "kisumu", "--output", tmp_path / "why.png", *kept)
    assert "there is none of this name any more" in run("adapt", "--undo", "kisumu", *kept)
    with pytest.raises(ProfileError, match="There is no profile 'kisumu'"):
        run("analyze", photograph, "--model", model, "--profile", "kisumu", *kept)
    assert read_slide(output / "slide.json").profile is not None, "results keep what they were made with"


def test_adapt_without_familiar_cells_says_which_file_lacks(folder: Path, tiny: Classifier, tmp_path: Path) -> None:
    tiny_classifier(tiny, tmp_path, familiar=False)
    arguments = ["adapt", folder / "ours", "--name", "ours", "--model", tmp_path / "model.onnx"]
    result = CliRunner().invoke(app, [str(argument) for argument in [*arguments, "--profiles", tmp_path / "kept"]])
    assert isinstance(result.exception, ProfileError)
    assert "model.familiar.npz is missing" in str(result.exception)


# Cells of annotated photographs


def test_boxes_label_the_cells_of_which_they_tell() -> None:
    def cell(number: int, left: int, on_border: bool = False) -> Cell:
        outline = Outline([(left, 50), (left + 39, 50), (left + 39, 89), (left, 89)])
        return Cell(number, "red_cell", (left, 50, 40, 40), (left + 20, 70), 1600, outline, on_border, 0.1, False)

    field = FIELD.model_copy(
        update={"width": 600, "height": 200, "cells": tuple(map(cell, range(1, 5), (50, 120, 190, 300)))}
    )
    boxes = [
        TrueBox("parasite", (60, 60, 10, 10)),
        TrueBox("red cell", (120, 50, 40, 40)),
        TrueBox("parasite", (225, 60, 30, 10)),
    ]
    assert [(one.number, infected) for one, infected in labelled_cells(field, boxes, True)] == [(1, True), (2, False)]
    # Where healthy cells are not boxed, one is healthy that no parasite's box touches.
    labelled = labelled_cells(field, [box for box in boxes if box.label == "parasite"], False)
    assert [(one.number, infected) for one, infected in labelled] == [(1, True), (2, False), (4, False)]
