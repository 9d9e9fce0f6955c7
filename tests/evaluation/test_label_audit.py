"""Suspected labels are found by networks that never saw the patient, reviewed on a page, and decisions are applied."""

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser
from typer.testing import CliRunner

from plasmoscope import Classifier
from plasmoscope.cli import app
from plasmoscope.csv_tables import read_csv, write_csv
from plasmoscope.data.nih import CellDataset, DataError, load_nih
from plasmoscope.data.reviewed import COLUMNS, picture_sha256, read_decisions, with_reviewed_labels
from plasmoscope.data.splits import make_split, save_split, unsure_cells
from plasmoscope.errors import PlasmoscopeError
from plasmoscope.evaluation.audit import AuditError, audit_labels, out_of_fold, suspected_labels
from plasmoscope.evaluation.comparison import Run
from plasmoscope.evaluation.evaluate import Predictions, has_parts_of, part_members, summarise
from plasmoscope.evaluation.published import pooled, write_published
from plasmoscope.evaluation.review_sheet import write_audit
from plasmoscope.labels import CLASS_NAMES, PARASITIZED
from plasmoscope.training.other_cells import Maker
from plasmoscope.training.recipe import OtherCells, load_recipe

WRONG = (3, 20, 60, 75)


@pytest.fixture
def dataset(nih_folder: Path) -> CellDataset:
    return load_nih(nih_folder)


@pytest.fixture
def stored(dataset: CellDataset) -> np.ndarray:
    """P(parasitized) as good networks give it, but for four labels that these speak against."""
    sure = np.random.default_rng(5).uniform(0.9, 0.99, len(dataset))
    parasitized = dataset.labels == PARASITIZED
    parasitized[list(WRONG)] ^= True
    return np.where(parasitized, sure, 1 - sure)


@pytest.fixture
def folds(dataset: CellDataset, stored: np.ndarray, classifier: Classifier, tmp_path: Path) -> list[Run]:
    """Five evaluated folds as their folders hold them, of stored probabilities."""
    return [a_run(dataset, stored, classifier, tmp_path / f"patient-{fold}", f"patient-{fold}") for fold in range(5)]


def a_run(dataset: CellDataset, stored: np.ndarray, classifier: Classifier, folder: Path, split_name: str) -> Run:
    split = make_split(split_name, dataset)
    (folder / "evaluations").mkdir(parents=True)
    save_split(split, dataset, folder / "split.csv")
    members = tuple(split.part("test").tolist())
    predictions = Predictions(dataset, members, 1, stored[list(members)], dataset.labels[list(members)] == PARASITIZED)
    evaluation = summarise(predictions, split_name, "test", 0.5, split.by_patient)
    (folder / "evaluations" / "test-1-view.json").write_text(evaluation.model_dump_json())
    rows = [(dataset.names[m], CLASS_NAMES[dataset.labels[m]], f"{stored[m]:.9g}") for m in members]
    write_csv(folder / "evaluations" / "test-1-view.csv", ("name", "truth", "parasitized_probability"), rows)
    recipe = load_recipe("basic_cnn").changed([f"split={split_name}"])
    return Run(folder, recipe, classifier.card, seed=0, random_start=True, epochs=1, seconds=1.0, size_on_disk=1)


@pytest.fixture
def decide(dataset: CellDataset, tmp_path: Path) -> Callable[..., Path]:
    """Writes decisions by index of the cell."""

    def write(**decisions: list[int]) -> Path:
        rows = [
            (dataset.names[index], picture_sha256(dataset.cells[index]), verdict)
            for verdict, members in decisions.items()
            for index in members
        ]
        write_csv(tmp_path / "decisions.csv", COLUMNS, rows)
        return tmp_path / "decisions.csv"

    return write


def test_labels_that_out_of_fold_networks_speak_against_are_suspected(
    dataset: CellDataset, stored: np.ndarray, folds: list[Run]
) -> None:
    audit = audit_labels(dataset, folds, views=1)
    assert np.abs(audit.probabilities - stored).max() < 1e-8
    assert set(audit.suspects.tolist()) == set(WRONG)
    likely = np.where(dataset.labels == PARASITIZED, stored, 1 - stored)[audit.suspects]
    assert likely.tolist() == sorted(likely), "the least likely label first"
    assert audit.suspected(PARASITIZED) == int((dataset.labels[list(WRONG)] == PARASITIZED).sum())


def test_a_class_of_which_networks_are_less_sure_is_not_suspected_for_that() -> None:
    rng = np.random.default_rng(2)
    parasitized = np.arange(400) < 200
    probabilities = np.where(parasitized, rng.uniform(0.4, 0.7, 400), rng.uniform(0.01, 0.1, 400))
    probabilities[:3] = 0.02
    shares = np.stack([probabilities, 1 - probabilities], axis=1)
    suspects = suspected_labels(shares, (~parasitized).astype(np.int64)).tolist()
    assert set(suspects[:3]) == {0, 1, 2}
    assert ((probabilities >= 0.5) != parasitized).sum() > 50
    assert len(suspects) < 10


def test_seeds_are_averaged_and_a_run_that_saw_the_patients_is_refused(
    dataset: CellDataset, stored: np.ndarray, folds: list[Run], classifier: Classifier, tmp_path: Path
) -> None:
    other = a_run(dataset, 1 - stored, classifier, tmp_path / "other", "patient-0")
    members = make_split("patient-0", dataset).test
    assert out_of_fold(dataset, [*folds, other], 1)[members, 0] == pytest.approx(0.5)
    with pytest.raises(AuditError, match="judged by none of these runs"):
        out_of_fold(dataset, folds[:4], 1)
    random = a_run(dataset, stored, classifier, tmp_path / "random", "seed42")
    with pytest.raises(AuditError, match=r"split seed42.*--split patient-0"):
        out_of_fold(dataset, [random], 1)
    shutil.copy(folds[1].folder / "split.csv", folds[0].folder / "split.csv")
    with pytest.raises(AuditError, match="has seen cells of the patient"):
        out_of_fold(dataset, folds, 1)


def published(run: Run, file: Path) -> Path:
    write_published(file, run.cells("test", 1))
    return file


def test_published_tables_of_the_folds_are_audited_like_their_runs(
    nih_folder: Path, dataset: CellDataset, folds: list[Run], tmp_path: Path
) -> None:
    tables = [published(run, tmp_path / f"{index}.csv.gz") for index, run in enumerate(folds)]
    command = ["audit", *map(str, tables), "--data", str(nih_folder), "--output", str(tmp_path / "audit")]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 0, result.output
    assert "4 labels are suspected" in result.output
    suspects = read_csv(tmp_path / "audit" / "suspects.csv")
    assert {row["name"] for row in suspects} == {dataset.names[index] for index in WRONG}


def test_tables_that_are_no_patient_folds_are_refused(dataset: CellDataset, folds: list[Run]) -> None:
    first, second = (run.cells("test", 1) for run in folds[:2])
    both = pooled([first, second])
    with pytest.raises(AuditError, match="share some of their patients but not all"):
        out_of_fold(dataset, [both, second], 1)
    nameless = replace(first, names=tuple(f"Parasitized/{index}.png" for index in range(len(first.names))))
    with pytest.raises(AuditError, match="do not tell the patients"):
        out_of_fold(dataset, [nameless], 1)


def test_decisions_by_name_and_size_hold_for_the_same_pictures_in_another_format(
    dataset: CellDataset, nih_folder: Path, tmp_path: Path
) -> None:
    cell = dataset.cells[3]
    with Image.open(cell.source.name) as picture:
        size = f"{picture.width}x{picture.height}"
    file = tmp_path / "decisions.csv"
    write_csv(file, (*COLUMNS, "size"), [(cell.name, "", "flip", size)])
    copy = tmp_path / "copy"
    shutil.copytree(nih_folder, copy)
    for path in copy.rglob("*.png"):
        with Image.open(path) as picture:
            picture.save(path, compress_level=0)
    other = load_nih(copy)
    assert picture_sha256(other.cells[3]) != picture_sha256(cell)
    for data in (dataset, other):
        assert with_reviewed_labels(data, read_decisions(file)).cells[3].label == 1 - cell.label
    write_csv(file, (*COLUMNS, "size"), [(cell.name, "", "flip", "1x1")])
    with pytest.raises(DataError, match="its size differs"):
        with_reviewed_labels(dataset, read_decisions(file))
    write_csv(file, (*COLUMNS, "size"), [(cell.name, "", "flip", "")])
    with pytest.raises(DataError, match="neither sha256 nor size"):
        read_decisions(file)


def test_the_review_that_is_published_names_cells_that_the_data_set_has(nih_zip: Path) -> None:
    file = Path(__file__).parents[2] / "docs" / "nih_reviewed_labels.csv"
    dataset = load_nih(nih_zip)
    reviewed = with_reviewed_labels(dataset, read_decisions(file))
    changed = [cell for cell in reviewed.cells if cell.folder_label is not None]
    assert {cell.name.split("/")[0] for cell in changed} == {"Parasitized"}
    assert len(changed) > 20
    assert sum(cell.unsure for cell in reviewed.cells) > 5


def test_the_command_writes_a_sheet_a_picture_and_tables(
    nih_folder: Path, folds: list[Run], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("plasmoscope.evaluation.comparison.read_run", {run.folder: run for run in folds}.__getitem__)
    folders = [str(run.folder) for run in folds]
    output = tmp_path / "audit"
    command = ["audit", *folders, "--data", str(nih_folder), "--output", str(output), "--most", "3"]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 0, result.output
    assert "4 labels are suspected" in result.output
    suspects = read_csv(output / "suspects.csv")
    assert [row["rank"] for row in suspects] == ["1", "2", "3"]
    assert all(len(row["sha256"]) == 64 for row in suspects)
    page = (output / "review.html").read_text("utf-8")
    assert "For research use only" in page
    assert page.count("data:image/jpeg;base64,") == 3
    assert "http://" not in page
    assert "https://" not in page
    with Image.open(output / "suspects.png") as picture:
        assert picture.width > 1_000
    assert (output / "probabilities.csv.gz").stat().st_size > 500
    assert read_decisions(output / "suspects.csv") == [], "what was not decided changes nothing"


def test_a_person_decides_by_keys_and_the_saved_table_is_taken(
    browser: Browser,
    dataset: CellDataset,
    folds: list[Run],
    tmp_path: Path,
) -> None:
    audit = audit_labels(dataset, folds, views=1)
    write_audit(tmp_path / "audit", audit, most=10)
    page = browser.new_page(accept_downloads=True)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("pageerror", lambda error: asked.append(str(error)))
    page.goto((tmp_path / "audit" / "review.html").as_uri())
    for key in ("f", "u", "n", "k", "p", "p", "k"):
        page.keyboard.press(key)
    assert page.inner_text("#count") == "3 of 4 decided: 1 flipped, 0 unsure"
    page.get_by_label("unsure: leave it out").nth(2).check()
    with page.expect_download() as download:
        page.get_by_role("button").click()
    download.value.save_as(tmp_path / "decisions.csv")
    page.close()
    assert [url for url in asked if not url.startswith(("file:", "data:", "blob:"))] == []
    decisions = read_decisions(tmp_path / "decisions.csv")
    names = [dataset.names[index] for index in audit.suspects]
    assert [(one.name, one.verdict) for one in decisions] == list(
        zip(names, ("flip", "keep", "unsure", "keep"), strict=True)
    )
    reviewed = with_reviewed_labels(dataset, decisions)
    assert np.flatnonzero(reviewed.labels != dataset.labels).tolist() == [audit.suspects[0]]
    assert reviewed.unsure.tolist() == [audit.suspects[2]]


@pytest.mark.parametrize("split", ["seed42", "80-20", "patient-1"])
def test_a_review_moves_no_cell_from_one_part_to_another(
    split: str, dataset: CellDataset, decide: Callable[..., Path]
) -> None:
    flipped, unsure = [0, 5, 60, 80], [7, 33, 65]
    reviewed = with_reviewed_labels(dataset, read_decisions(decide(flip=flipped, unsure=unsure, keep=[9])))
    assert reviewed.names == dataset.names
    assert np.flatnonzero(reviewed.labels != dataset.labels).tolist() == flipped
    before, after = make_split(split, dataset), make_split(split, reviewed)
    left_out = unsure_cells(split, reviewed)
    for part in ("train", "validation", "test"):
        assert after.part(part).tolist() == [m for m in before.part(part).tolist() if m not in unsure]
        assert left_out[part] == len(before.part(part)) - len(after.part(part))
    assert part_members(reviewed, split, "all")[0] == tuple(m for m in range(len(dataset)) if m not in unsure)
    assert unsure_cells(split, dataset) == {}
    assert reviewed.content != dataset.content, "a run is not resumed with other labels"
    assert reviewed.original.content == dataset.content
    assert (dataset.label_set, reviewed.label_set.partition(": ")[2]) == (
        "original",
        "4 flipped, 3 left out as unsure",
    )


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (
            ("Parasitized/nobody.png", "0" * 64, "flip"),
            r"row 3 \(Parasitized/nobody\.png\): the data set .* has no such",
        ),
        ((0, "0" * 64, "keep"), r"row 3 \(Parasitized/.*\): the picture in .* is another one"),
        ((0, None, "maybe"), r"row 3 \(Parasitized/.*the decision is 'maybe'.*keep, flip, unsure"),
        ((1, None, "flip"), r"row 3 .*decided before, in .*row 2"),
    ],
)
def test_a_decision_that_fits_no_picture_is_named_by_its_row(
    row: tuple[str | int, str | None, str], message: str, dataset: CellDataset, tmp_path: Path
) -> None:
    name, sha256, verdict = row
    cell = dataset.cells[name if isinstance(name, int) else 0]
    rows = [
        (dataset.names[1], picture_sha256(dataset.cells[1]), "keep"),
        (name if isinstance(name, str) else cell.name, sha256 or picture_sha256(cell), verdict),
    ]
    write_csv(tmp_path / "decisions.csv", COLUMNS, rows)
    with pytest.raises(DataError, match=message):
        with_reviewed_labels(dataset, read_decisions(tmp_path / "decisions.csv"))


def test_cells_made_by_other_labels_are_not_taken_for_those_of_reviewed_ones(
    dataset: CellDataset, decide: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def draw(maker: Maker, *_: object) -> Iterator[tuple[np.ndarray, int]]:
        for label in maker.dataset.labels[maker.members].tolist():
            yield np.zeros((8, 8, 3), np.uint8), label

    monkeypatch.setattr(Maker, "_draw", draw)
    source = OtherCells(kind="transplants", cells=100)
    reviewed = with_reviewed_labels(dataset, read_decisions(decide(flip=[0])))
    parasitized = [
        int((Maker(tmp_path, one, np.arange(20), 8, False, tmp_path).make([source]).labels == PARASITIZED).sum())
        for one in (dataset, reviewed)
    ]
    assert parasitized[1] == parasitized[0] - 1


def test_another_table_is_no_table_of_decisions(tmp_path: Path) -> None:
    for columns, rows in ((("name", "decision"), [("a", "keep")]), (COLUMNS, [])):
        write_csv(tmp_path / "other.csv", columns, rows)
        with pytest.raises(DataError, match="columns name, sha256, decision"):
            read_decisions(tmp_path / "other.csv")
    with pytest.raises(DataError, match="cannot be read"):
        read_decisions(tmp_path / "none.csv")


def test_a_network_is_judged_by_reviewed_labels_and_says_so(
    nih_folder: Path, dataset: CellDataset, decide: Callable[..., Path], tmp_path: Path
) -> None:
    test = make_split("80-20", dataset).part("test").tolist()
    arguments = ["evaluate", "--data", str(nih_folder), "--split", "80-20", "--part", "test", "--output", str(tmp_path)]
    reviewed = ["--labels", "reviewed", "--decisions", str(decide(flip=test[:1], unsure=test[1:3]))]
    result = CliRunner().invoke(app, [*arguments, *reviewed])
    assert result.exit_code == 0, result.output
    evaluation = json.loads((tmp_path / "test-1-view.json").read_text())
    assert evaluation["cells"] == len(test) - 2
    assert evaluation["labels"].endswith("1 flipped, 2 left out as unsure")
    row = next(row for row in read_csv(tmp_path / "test-1-view.csv") if row["name"] == dataset.names[test[0]])
    assert row["truth"] != row["name"].partition("/")[0]
    for half in (reviewed[:2], reviewed[2:]):
        refused = CliRunner().invoke(app, [*arguments, *half])
        assert isinstance(refused.exception, PlasmoscopeError)
        assert "--labels reviewed --decisions" in str(refused.exception)


@pytest.mark.slow
@pytest.mark.usefixtures("exported_once")
def test_a_network_trained_on_reviewed_labels_says_so_and_is_not_resumed_with_others(
    nih_folder: Path, dataset: CellDataset, decide: Callable[..., Path], tmp_path: Path
) -> None:
    file = decide(flip=[0], unsure=list(range(10, 20)))
    run = tmp_path / "run"
    command = ["train", "basic_cnn", "--smoke", "--data", str(nih_folder), "--output", str(run), "--split", "80-20"]
    command += ["--set", "image_size=32", "--set", "cache_size=32", "--cache", str(tmp_path / "cache")]
    result = CliRunner().invoke(app, [*command, "--labels", "reviewed", "--decisions", str(file)])
    assert result.exit_code == 0, result.output
    card = Classifier.load(run).card
    assert card.data.labels.endswith("1 flipped, 10 left out as unsure")
    assert sum(card.data.cells[part] for part in ("train", "test")) == len(dataset) - 10
    assert has_parts_of(dataset, card.data), "with either labels they are its own cells"
    assert has_parts_of(with_reviewed_labels(dataset, read_decisions(file)), card.data)
    refused = CliRunner().invoke(app, command)
    assert "other cells or labels" in str(refused.exception)
    evaluated = CliRunner().invoke(app, ["evaluate", "--data", str(nih_folder), "--model", str(run), "--part", "test"])
    assert evaluated.exit_code == 0, evaluated.output
    assert not (run / "evaluations").exists(), "figures by other labels are not the run's own"
