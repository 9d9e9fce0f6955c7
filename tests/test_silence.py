"""The third outcome, no red cell or nothing that can be told: from the network to every output."""

import csv
import io
import json
import re
import zipfile
from datetime import date
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

from analysed import analysed
from pdf_texts import texts_of_pdf
from plasmoscope.analysis.analyze import analyze_field, analyze_slide
from plasmoscope.analysis.calls import LEGEND, NOT_CALLED, drawn_as
from plasmoscope.analysis.notes import notes_on
from plasmoscope.classification.batch import classify_sources, judge_by_smear
from plasmoscope.classification.card import Evidence, ModelCard, TrainingData
from plasmoscope.classification.classifier import Classifier, Judged
from plasmoscope.classification.silence import third_log_odds
from plasmoscope.cli import app
from plasmoscope.csv_tables import read_csv
from plasmoscope.data.nih import load_nih
from plasmoscope.evaluation.boxes import TrueBox
from plasmoscope.evaluation.evaluate import predict_part, summarise
from plasmoscope.evaluation.fields import evaluate_fields
from plasmoscope.i18n.languages import ENGLISH
from plasmoscope.i18n.words import english
from plasmoscope.imaging.cells import read_cell, resize_cell
from plasmoscope.imaging.sources import ImageFile
from plasmoscope.labels import NOT_TOLD, PARASITIZED, UNINFECTED, call_name
from plasmoscope.networks import ModelError, save_network
from plasmoscope.reports.field_pictures import annotated_field
from plasmoscope.reports.html import slide_html
from plasmoscope.reports.illustrations import Illustrations, called_cells
from plasmoscope.reports.interchange import coco_json, geojson, imagej_rois
from plasmoscope.reports.slide_json import read_slide, slide_json
from plasmoscope.reports.tables import cells_csv, fields_csv
from plasmoscope.store import called, corrections, counts, slides
from plasmoscope.store.counts import Tally
from plasmoscope.store.fields import get_field
from plasmoscope.store.slides import SlideDetails
from plasmoscope.store.store import Store
from plasmoscope.synthetic.rendering import render_field
from plasmoscope.training.batches import CachedCells
from plasmoscope.training.calibration import fit_logistic, silence_threshold
from plasmoscope.training.export import with_strangeness
from plasmoscope.training.models import build_model
from plasmoscope.training.recipe import load_recipe
from plasmoscope.training.run import export_run
from plasmoscope.training.silence import silence_of
from plasmoscope.web.i18n.sentences import Words
from silent import colour_card, colour_classifier, colour_network, not_told, plain
from slides import rendered_field, slide_of
from workstation import new_slide, running, workstation

pytestmark = pytest.mark.filterwarnings("ignore:.*not one red cell on black")

RED, GREEN, BLUE = plain(240, 10, 10), plain(10, 240, 10), plain(10, 10, 240)
IMAGE, FOUND = rendered_field(parasitaemia=0.4)
INFECTED = next(cell.number for cell in FOUND.cells if cell.counted and cell.parasitized)
HEALTHY = next(cell.number for cell in FOUND.cells if cell.counted and not cell.parasitized)
FIELD = not_told(FOUND, INFECTED)
SLIDE = slide_of(FIELD, silence=0.5)


# The classifier


def test_the_third_logits_share_at_the_cards_temperature_is_the_probability_of_no_cell() -> None:
    classifier = colour_classifier(temperature=2.0)
    pictures = [RED, GREEN, BLUE, plain(90, 120, 150)]
    judged = classifier.judge(pictures, views=8)
    logits = np.array([picture[0, 0] for picture in pictures]) / 255 * 8 / 2
    shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    assert judged.not_a_cell == pytest.approx(shares[:, 2], abs=1e-3)
    assert judged.parasitized == pytest.approx(classifier.predict(pictures, views=8))
    assert (judged.parasitized + judged.not_a_cell <= 1).all()


@pytest.mark.parametrize("logits", [1, 2])
def test_a_network_of_fewer_logits_says_nothing_of_what_is_no_cell(logits: int) -> None:
    judged = colour_classifier(logits=logits).judge([RED, BLUE])
    assert judged.not_a_cell is None
    assert [third for _, third in judged.each()] == [None, None]


def test_no_cells_are_judged_without_an_error() -> None:
    assert colour_classifier().judge([]).parasitized.shape == (0,)


def test_silence_comes_before_the_call_and_only_where_the_card_asks_for_it() -> None:
    assert call_name(0.9, 0.5, not_a_cell=0.6, silence=0.6) == NOT_TOLD == "not_a_cell"
    assert call_name(0.9, 0.5, not_a_cell=0.59, silence=0.6) == "infected"
    assert call_name(0.1, 0.5, not_a_cell=0.99, silence=None) == "uninfected"
    assert call_name(0.1, 0.5, not_a_cell=None, silence=0.6) == "uninfected"


def strange_classifier(evidence: Evidence | None, temperature: float = 1.0) -> Classifier:
    """Of the colours of red cells alone, which are of any red and green, but hardly any blue."""
    rng = np.random.default_rng(3)
    colours = np.stack([*rng.uniform(0, 255, (2, 500)), rng.uniform(0, 20, 500)], axis=1).astype(np.float32)
    network = with_strangeness(colour_network(features=True), colours)
    card = colour_card(network, 0.5, temperature)
    assert card.silence
    return Classifier(
        network, card.model_copy(update={"silence": card.silence.model_copy(update={"evidence": evidence})})
    )


def test_strangeness_is_the_logarithm_of_the_squared_distance_from_red_cells() -> None:
    rng = np.random.default_rng(4)
    features = (rng.normal(0, 1, (400, 3)) @ rng.normal(0, 20, (3, 3)) + 120).astype(np.float32)
    network = with_strangeness(colour_network(features=True), features)
    classifier = Classifier(network, colour_card(network, None))
    cells = rng.integers(0, 256, (5, 16, 16, 3), np.uint8)
    logits, strangeness = classifier.logits_and_strangeness(cells)
    assert logits == pytest.approx(colour_classifier().logits(cells), abs=1e-3)
    spread = np.cov(features.T, bias=True)
    spread += 1e-3 * np.linalg.eigvalsh(spread).max() * np.eye(3)
    away = cells.mean(axis=(1, 2)) - features.mean(axis=0)
    assert strangeness == pytest.approx(np.log(np.einsum("ni,ij,nj->n", away, np.linalg.inv(spread), away)), abs=1e-2)
    assert colour_classifier().logits_and_strangeness(cells)[1] is None


def test_the_third_class_and_strangeness_are_weighed_as_the_card_says() -> None:
    evidence = Evidence(offset=-2, third_class=0.5, strangeness=0.7)
    classifier = strange_classifier(evidence, temperature=2.0)
    cells = np.stack([np.full((16, 16, 3), colour, np.uint8) for colour in ((240, 10, 10), (10, 10, 240))])
    logits, strangeness = classifier.logits_and_strangeness(cells)
    assert strangeness is not None
    assert strangeness[1] > strangeness[0] + 2
    third = logits[:, 2] / 2 - np.logaddexp(logits[:, 0] / 2, logits[:, 1] / 2)
    assert third_log_odds(logits, 2.0) == pytest.approx(third, abs=1e-5)
    told = 1 / (1 + np.exp(-(-2 + 0.5 * third + 0.7 * strangeness)))
    assert classifier.judge_prepared(cells).not_a_cell == pytest.approx(told, abs=1e-4)
    # A parasite's probability does not depend on it.
    assert classifier.predict_prepared(cells) == pytest.approx(strange_classifier(None, 2.0).predict_prepared(cells))


def test_a_network_without_strangeness_is_refused_where_its_card_goes_by_it() -> None:
    network = colour_network()
    card = colour_card(network, 0.5)
    assert card.silence
    evidence = Evidence(offset=0, third_class=1, strangeness=1)
    silence = card.silence.model_copy(update={"evidence": evidence})
    with pytest.raises(ModelError, match="an output that its network lacks, strangeness"):
        Classifier(network, card.model_copy(update={"silence": silence}))


def test_a_logistic_fit_takes_both_classes_for_equally_frequent_and_stays_finite() -> None:
    rng = np.random.default_rng(0)
    positive, negative = (
        rng.normal(mean, 1, (number, 1)).astype(np.float32) for mean, number in ((3, 50), (-1, 5_000))
    )
    offset, weight = fit_logistic(positive, negative)
    assert -offset / weight == pytest.approx(1, abs=0.3), "half way between the two"
    apart = fit_logistic(np.full((9, 2), 40, np.float32), np.full((9, 2), -40, np.float32))
    assert all(np.isfinite(apart))
    assert max(apart) < 1


def test_neither_red_cells_of_any_laboratory_nor_parasites_of_other_stains_fall_silent_often() -> None:
    evidence = Evidence(offset=0, third_class=1, strangeness=0)
    rng = np.random.default_rng(1)
    own, elsewhere, infected = (rng.uniform(0, high, 2_000).astype(np.float32) for high in (0.6, 0.8, 0.99))
    nothing = Judged(own[:0], None)
    for red_cells, parasites in (
        ([own], nothing),
        ([own, elsewhere], nothing),
        ([own, elsewhere], Judged(infected, infected)),
    ):
        # In parts, as fields are.
        judged = [[Judged(part, part) for part in np.split(cells, 2)] for cells in red_cells]
        silence = silence_of(evidence, judged, parasites, "cells")
        assert silence
        assert all((cells >= silence.threshold).mean() <= 0.005 for cells in red_cells)
        assert silence.silent_share == (own >= silence.threshold).mean()
        assert silence.evidence == evidence
    assert 0.04 < (infected >= silence.threshold).mean() <= 0.05
    assert silence.measured_on.endswith("2,000 infected cells made of other laboratories'")


@pytest.mark.slow
def test_a_trained_network_is_exported_with_what_silence_goes_by(nih_folder: Path, tmp_path: Path) -> None:
    dataset = load_nih(nih_folder)
    recipe = load_recipe("mobilenet_v2_fields").changed(["image_size=32"])
    torch.manual_seed(0)
    model = build_model("mobilenet_v2", 32, {"classes": 3})
    pixels = np.stack([resize_cell(read_cell(cell.source.read()), 32) for cell in dataset.cells])
    validation = CachedCells(pixels, dataset.labels, np.arange(len(dataset)))
    healthy, infected = (pixels[dataset.labels == label] for label in (UNINFECTED, PARASITIZED))
    data = TrainingData(dataset="NIH", split="seed42")
    card = export_run(model, recipe, data, tmp_path, validation, [[healthy[:5], healthy[5:]]], infected)
    assert card.silence
    assert card.silence.evidence
    assert card.silence.evidence.third_class
    assert card.silence.evidence.strangeness
    judged = Classifier.load(tmp_path / "model.onnx").judge_prepared(pixels, views=8)
    assert judged.not_a_cell is not None
    assert (judged.not_a_cell >= card.silence.threshold).mean() == pytest.approx(card.silence.silent_share)
    assert card.silence.silent_share <= 0.005


def test_a_card_of_an_earlier_version_is_read_and_never_silent() -> None:
    card = json.loads(colour_card(colour_network(), 0.5).model_dump_json())
    del card["silence"]
    assert ModelCard.model_validate(card).silence_threshold is None


@pytest.mark.parametrize("cells", [1, 10, 199, 200, 1_000])
def test_the_threshold_of_silence_leaves_few_cells_without_a_call(cells: int) -> None:
    not_a_cell = np.random.default_rng(cells).uniform(0.4, 0.99, cells).astype(np.float32)
    threshold = silence_threshold(not_a_cell, 0.005)
    assert np.count_nonzero(not_a_cell >= threshold) <= 0.005 * cells
    if cells == 1_000:
        assert np.count_nonzero(not_a_cell >= threshold - 0.01) > 5


def test_what_is_almost_certainly_a_cell_is_never_silent_and_a_sure_mistake_is_no_reason_to_fail() -> None:
    assert silence_threshold(np.full(1_000, 0.01, np.float32), 0.005) == 0.1
    assert silence_threshold(np.ones(10, np.float32), 0.005) == 1


# Single cells


def sources(folder: Path) -> list[ImageFile]:
    files = []
    for name, picture in {"red": RED, "green": GREEN, "blue": BLUE}.items():
        Image.fromarray(picture).save(folder / f"{name}.png")
        files.append(ImageFile(folder / f"{name}.png"))
    return files


def test_what_is_not_told_is_no_smears_cell_and_keeps_its_outcome(tmp_path: Path) -> None:
    classifier = colour_classifier()
    alone = list(classify_sources(classifier, sources(tmp_path)))
    assert [result.call for result in alone] == ["infected", "uninfected", "not_a_cell"]
    assert alone[2].not_a_cell_probability > 0.9
    together = judge_by_smear(classifier, alone, ["one"] * 3, 0.5)
    assert together[2] == alone[2]
    assert together[:2] == judge_by_smear(classifier, alone[:2], ["one"] * 2, 0.5)
    assert [result.call for result in together] == ["infected", "uninfected", "not_a_cell"]


def model_file(folder: Path) -> Path:
    network = colour_network()
    save_network(folder / "colours.onnx", network, colour_card(network, 0.5))
    return folder / "colours.onnx"


def test_classify_says_what_it_cannot_tell_and_counts_it_for_nothing(tmp_path: Path) -> None:
    cells = tmp_path / "cells"
    cells.mkdir()
    sources(cells)
    model = model_file(tmp_path)
    told = CliRunner().invoke(app, ["classify", str(cells), "--model", str(model)])
    assert told.exit_code == 0, told.output
    said = " ".join(told.output.split())
    assert "not a red cell, or cannot" in said
    assert "1 called infected (50.0%), 1 uninfected" in said
    assert "1 got no call" in said
    CliRunner().invoke(app, ["classify", str(cells), "--model", str(model), "--output", str(tmp_path / "out.csv")])
    rows = {Path(row["path"]).stem: row for row in read_csv(tmp_path / "out.csv")}
    assert {name: row["call"] for name, row in rows.items()} == {
        "red": "infected",
        "green": "uninfected",
        "blue": "not_a_cell",
    }
    # For one version more as before.
    assert {name: row["label"] for name, row in rows.items()} == {
        "red": "Parasitized",
        "green": "Uninfected",
        "blue": "not_a_cell",
    }
    assert float(rows["blue"]["not_a_cell_probability"]) > 0.9


def test_an_evaluation_states_how_many_cells_of_each_class_got_no_call(nih_folder: Path) -> None:
    dataset = load_nih(nih_folder)
    members = range(len(dataset))
    shares = colour_classifier(silence=None).judge([Path(cell.source.name) for cell in dataset.cells]).not_a_cell
    classifier = colour_classifier(silence=float(np.quantile(shares, 0.8)))
    evaluation = summarise(predict_part(classifier, dataset, members), "patients", "all", 0.5, False)
    silent = np.asarray(shares >= classifier.card.silence_threshold)
    parasitized = dataset.labels == 0
    assert evaluation.silent == pytest.approx(
        {"Parasitized": silent[parasitized].mean(), "Uninfected": silent[~parasitized].mean()}, abs=0.02
    )
    assert (
        summarise(predict_part(colour_classifier(None), dataset, members), "patients", "all", 0.5, False).silent is None
    )


# The analysis


def test_a_cell_that_is_not_told_is_neither_infected_nor_counted() -> None:
    image = render_field(21, width=960, height=720, cells=60, parasitaemia=0.2).image
    never = analyze_field(image, colour_classifier(silence=None))
    shares = {cell.number: cell.not_a_cell_probability for cell in never.cells if cell.kind == "red_cell"}
    assert all(share is not None for share in shares.values())
    assert not never.not_a_cell
    silence = sorted(shares[cell.number] for cell in never.cells if cell.counted)[-10] - 1e-4
    field = analyze_field(image, colour_classifier(silence=silence))
    silent = {cell.number for cell in field.cells if cell.kind == "not_a_cell"}
    assert silent == {cell.number for cell in never.cells if cell.counted and shares[cell.number] >= silence}
    assert len(silent) == field.not_a_cell >= 10
    assert field.counted == never.counted - len(silent)
    assert all(cell.parasitized is None for cell in field.cells if cell.number in silent)
    # A part of a cell looks like no cell, and is left out in any case.
    cut = [cell for cell in field.cells if cell.on_border]
    assert {cell.number for cell in cut} == {cell.number for cell in never.cells if cell.on_border}
    assert "not_a_cell" not in {cell.kind for cell in cut}
    assert all(cell.parasitized is None for cell in cut if cell.not_a_cell_probability >= silence)
    slide = analyze_slide([image], colour_classifier(silence=silence))
    assert slide.silence == pytest.approx(silence)
    assert slide.count.counted == field.counted
    assert slide.not_a_cell == len(silent)


def test_a_slide_of_which_much_is_left_out_says_so() -> None:
    whole = [cell.number for cell in FOUND.cells if cell.counted]
    assert not [note for note in notes_on([FOUND]) if note.code == "much_left_out"]
    (note,) = [note for note in notes_on([not_told(FOUND, *whole[:5])]) if note.code == "much_left_out"]
    assert english(note).startswith(f"5 of {len(whole)} objects outlined as red cells")
    assert not notes_on([not_told(FOUND, *whole[:5]).model_copy(update={"accepted": False})])[1:]


# Reports


def test_every_report_of_a_slide_tells_what_was_left_out() -> None:
    row = next(
        row
        for row in csv.DictReader(io.StringIO(cells_csv(SLIDE).removeprefix("\ufeff")))
        if row["number"] == str(INFECTED)
    )
    assert (row["kind"], row["call"], row["counted"]) == ("not_a_cell", "not a red cell, or cannot tell", "no")
    assert float(row["not_a_cell_probability"]) == 0.93
    (of_field,) = csv.DictReader(io.StringIO(fields_csv(SLIDE).removeprefix("\ufeff")))
    assert of_field["not_a_cell"] == "1"
    assert int(of_field["red_cells_counted"]) == FOUND.counted - 1
    assert int(of_field["infected"]) == FOUND.infected - 1
    coco = json.loads(coco_json(SLIDE))
    names = {category["id"]: category["name"] for category in coco["categories"]}
    assert list(names.values())[:6] == [
        "parasitized_red_cell", "uninfected_red_cell", "red_cell", "white_cell", "platelet", "precipitate",
    ]  # fmt: skip
    (one,) = [note for note in coco["annotations"] if names[note["category_id"]] == "not_a_cell"]
    assert (one["iscrowd"], one["ignore"], one["attributes"]["counted"]) == (1, 1, False)
    features = json.loads(geojson(FIELD))["features"]
    (feature,) = [one for one in features if one["properties"]["measurements"]["Number"] == INFECTED]
    assert feature["properties"]["classification"]["name"] == "not a red cell, or cannot tell"
    assert feature["properties"]["measurements"]["P(not a cell)"] == 0.93
    with zipfile.ZipFile(io.BytesIO(imagej_rois(FIELD))) as archive:
        assert any("not a red cell" in name for name in archive.namelist())
    page = slide_html(SLIDE, Illustrations())
    assert "Not a red cell, or cannot tell" in page
    assert "probability of 0.5 or more of being no red cell" in page
    assert INFECTED not in [cell.number for _, cell in called_cells(SLIDE)]


def test_the_pdf_tells_what_was_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    assert any("Not a red cell, or cannot tell" in text for text in texts_of_pdf(SLIDE, monkeypatch))
    assert not any("Not a red cell" in text for text in texts_of_pdf(slide_of(FOUND), monkeypatch))


def test_what_is_not_told_has_a_look_of_its_own() -> None:
    looks = {drawn_as(cell) for cell in FIELD.cells if cell.number == INFECTED}
    (look,) = looks
    assert look in LEGEND
    assert look.dashed
    assert look.letter == "?"
    assert look.colour not in {other.colour for other in LEGEND if other is not look}
    assert look is not NOT_CALLED
    assert not np.array_equal(annotated_field(IMAGE, FIELD), annotated_field(IMAGE, FOUND))


def test_a_slides_json_keeps_it_and_one_of_an_earlier_version_is_read(tmp_path: Path) -> None:
    file = tmp_path / "slide.json"
    file.write_text(slide_json(SLIDE), "utf-8")
    assert read_slide(file) == SLIDE
    earlier = json.loads(slide_json(slide_of(FOUND)))
    del earlier["silence"]
    for cell in earlier["fields"][0]["cells"]:
        del cell["not_a_cell_probability"]
    file.write_text(json.dumps(earlier), "utf-8")
    assert read_slide(file).not_a_cell == 0


# Fields against their truth


def test_a_parasite_in_what_is_not_told_is_missed_but_not_called_uninfected() -> None:
    cell = next(cell for cell in FOUND.cells if cell.number == INFECTED)
    left, top, width, height = cell.box
    truth = {FIELD.name: [TrueBox("parasite", (left + width // 2 - 2, top + height // 2 - 2, 4, 4))]}
    before, after = (evaluate_fields({FIELD.name: field}, truth) for field in (FOUND, FIELD))
    assert (before.counts.parasites_found, before.counts.parasites_not_told, before.counts.not_a_cell) == (1, 0, 0)
    assert (after.counts.parasites_found, after.counts.parasites_not_told, after.counts.not_a_cell) == (0, 1, 1)
    assert not after.counts.parasites_called_uninfected
    assert not after.counts.parasites_in_no_cell
    assert after.figures.parasite_recall == 0
    assert after.figures.not_a_cell_share == pytest.approx(1 / FOUND.counted)
    assert after.parasite_classes[0].not_told == 1


# The records


@pytest.fixture
def slide(store: Store) -> tuple[int, int]:
    """A slide in the records, and its field with one cell that is not told."""
    with store.session() as session:
        made = slides.create_slide(session, "amina", SlideDetails("P-1", "S-1", date(2026, 3, 1))).id
    return made, analysed(store, made, IMAGE, FIELD)


def test_a_person_calls_what_the_model_cannot_tell(store: Store, slide: tuple[int, int]) -> None:
    number, field = slide
    with store.session() as session:
        (one,) = called.cells_not_told(session, number)
        assert (one.number, one.called_by_person) == (INFECTED, False)
        tally = counts.tally(session, number)
        assert (tally.counted, tally.infected, tally.not_a_cell) == (FIELD.counted, FIELD.infected, 1)
        made = corrections.correct(session, "amina", field, INFECTED, "infected")
        assert made.model_call == "not_a_cell"
    with store.session() as session:
        tally = counts.tally(session, number)
        assert (tally.counted, tally.infected, tally.not_a_cell) == (FOUND.counted, FOUND.infected, 0)
        assert not called.cells_not_told(session, number)
        assert INFECTED in [one.number for one in called.called_cells(session, number)]
        result = counts.slide_result(session, slides.get_slide(session, number))
        assert any("changed 1 of the model's calls" in note for note in result.notes)


def test_a_person_who_agrees_that_it_is_no_cell_changes_no_call(store: Store, slide: tuple[int, int]) -> None:
    number, field = slide
    with store.session() as session:
        corrections.correct(session, "amina", field, INFECTED, "not_a_cell")
    with store.session() as session:
        assert not called.cells_not_told(session, number)
        assert get_field(session, field).not_a_cell == 0
        result = counts.slide_result(session, slides.get_slide(session, number))
        assert (result.count.counted, result.count.infected) == (FIELD.counted, FIELD.infected)
        assert not any("changed" in note for note in result.notes)


# The pages


def test_the_workstation_lists_what_is_undecided_and_takes_a_persons_call(tmp_path: Path) -> None:
    with workstation(tmp_path) as client:
        client.post("/welcome", headers={"origin": "http://127.0.0.1:8000"})
        slide = new_slide(client)
        field = analysed(running(client).store, slide, IMAGE, FIELD)
        shown = client.get(f"/api/v1/slides/{slide}").json()
        assert (shown["not_a_cell"], shown["fields"][0]["not_a_cell"]) == (1, 1)
        place = f"/fields/{field}?cell={INFECTED}"
        assert place in client.get(f"/slides/{slide}/not-told").text
        assert place not in client.get(f"/slides/{slide}/cells").text
        assert f"/slides/{slide}/not-told" in client.get(f"/slides/{slide}").text.partition('id="count"')[2]
        page = client.get(place).text
        assert "not a red cell, or cannot tell: 1" in page
        assert re.search(rf'class="object not-told" [^>]*id="object-{INFECTED}".*>\?</text>', page)
        assert "The model's call: not a red cell, or cannot tell." in page
        assert "Probability that it is no red cell, or cannot be told: 0.93." in page
        for call in ("infected", "uninfected", "not_a_cell"):
            assert f'name="call" value="{call}"' in page
        said = client.post(f"/api/v1/fields/{field}/cells/{INFECTED}/call", json={"call": "infected"})
        assert (said.status_code, said.json()["model_call"]) == (201, "not_a_cell")
        assert "Nothing is undecided." in client.get(f"/slides/{slide}/not-told").text
        assert place in client.get(f"/slides/{slide}/cells").text
        assert client.get(f"/api/v1/slides/{slide}").json()["infected"] == FOUND.infected


def test_the_slides_page_tells_of_much_that_is_left_out() -> None:
    words = Words(ENGLISH)
    assert words.left_out(Tally(counted=97, not_a_cell=3)) is None
    assert str(words.left_out(Tally(counted=90, not_a_cell=10))).startswith("10\u00a0% of what is outlined")
    assert words.left_out(Tally()) is None
