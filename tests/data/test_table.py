"""Cells of a table, and splits of one's own."""

from pathlib import Path

import numpy as np
import pytest

from command_line import run
from plasmoscope.classification.classifier import Classifier
from plasmoscope.csv_tables import write_csv
from plasmoscope.data.loading import load_cells
from plasmoscope.data.nih import CellDataset, DataError, load_nih
from plasmoscope.data.splits import make_split, save_split
from plasmoscope.data.table import load_table


@pytest.fixture
def table(few_cells: Path, tmp_path: Path) -> Path:
    """The cells of a folder as a table, under names that tell nothing, of eleven patients."""
    rows = []
    (tmp_path / "pictures").mkdir()
    for number, cell in enumerate(load_nih(few_cells).cells):
        name = f"pictures/{number:03d}.png"
        (tmp_path / name).write_bytes(cell.source.read())
        rows.append((name, ("Positive", "healthy")[cell.label], f"patient {number % 11}"))
    file = tmp_path / "mine.csv"
    write_csv(file, ("file", "label", "patient"), rows)
    return file


def test_a_table_gives_the_cells_with_their_labels_and_patients(table: Path, few_cells: Path) -> None:
    dataset, folder = load_cells(table), load_nih(few_cells)
    assert len(dataset) == len(folder)
    assert np.array_equal(dataset.labels, folder.labels)
    assert set(dataset.patients) == {f"patient {number}" for number in range(11)}
    assert dataset.names[0] == "Parasitized/pictures/000.png"


@pytest.mark.parametrize("folds", [3, 7])
def test_any_number_of_folds_keeps_patients_apart_and_tests_each_cell_once(table: Path, folds: int) -> None:
    dataset = load_table(table)
    splits = [make_split(f"patient-{fold}-of-{folds}", dataset) for fold in range(folds)]
    assert sorted(np.concatenate([split.test for split in splits]).tolist()) == list(range(len(dataset)))
    for split in splits:
        of = [{dataset.patients[member] for member in part} for part in (split.train, split.validation, split.test)]
        assert not of[0] & of[1] | of[0] & of[2] | of[1] & of[2]
    assert splits[1].name == f"patient-1-of-{folds}"


def test_five_folds_by_number_are_the_five_folds(table: Path) -> None:
    dataset = load_table(table)
    named, numbered = make_split("patient-2", dataset), make_split("patient-2-of-5", dataset)
    assert named.name == numbered.name
    assert np.array_equal(named.test, numbered.test)


@pytest.mark.parametrize("name", ["patient-3-of-3", "patient-0-of-1", "patient-0-of-40", "patient--1-of-3"])
def test_folds_that_cannot_be_are_refused(table: Path, name: str) -> None:
    with pytest.raises(DataError):
        make_split(name, load_table(table))


def own_split(dataset: CellDataset, file: Path, rows: list[tuple[str, str]] | None = None) -> str:
    parts = ("train", "train", "validation", "test", "")
    dealt = [(name, parts[place % 5]) for place, name in enumerate(dataset.names)]
    write_csv(file, ("name", "part"), rows if rows is not None else [row for row in dealt if row[1]])
    return str(file)


def test_a_split_of_ones_own_deals_the_cells_it_names(table: Path, tmp_path: Path) -> None:
    dataset = load_table(table)
    split = make_split(own_split(dataset, tmp_path / "own.csv"), dataset)
    assert split.test.tolist() == list(range(3, len(dataset), 5))
    assert len(split.train) + len(split.validation) + len(split.test) < len(dataset)
    assert not split.by_patient


def test_a_split_that_was_written_is_read_as_it_was(table: Path, tmp_path: Path) -> None:
    dataset = load_table(table)
    made = make_split("patient-1-of-4", dataset)
    save_split(made, dataset, tmp_path / "written.csv")
    read = make_split(str(tmp_path / "written.csv"), dataset)
    assert all(np.array_equal(made.part(part), read.part(part)) for part in ("train", "validation", "test"))
    assert read.by_patient


@pytest.mark.parametrize(
    ("rows", "why"),
    [
        ([("Parasitized/pictures/000.png", "exam")], "row 2: 'exam' is none of train"),
        ([("Parasitized/other.png", "test")], "row 2: Parasitized/other.png is no cell of"),
        ([("Parasitized/pictures/000.png", "test")] * 2, "row 3: .* stands there twice"),
        ([], "rows below it"),
        ([("Parasitized/pictures/000.png", "test")], "a part is empty"),
    ],
)
def test_a_split_that_is_wrong_says_where(table: Path, tmp_path: Path, rows: list[tuple[str, str]], why: str) -> None:
    dataset = load_table(table)
    with pytest.raises(DataError, match=why):
        make_split(own_split(dataset, tmp_path / "own.csv", rows), dataset)


@pytest.mark.parametrize(
    ("rows", "why"),
    [
        ([("pictures/000.png", "falciparum")], "two classes or more apart; given: falciparum"),
        ([("pictures/none.png", "infected")], "row 2: there is no file"),
        ([("", "infected")], "row 2: there is no file"),
        ([("pictures/000.png", "")], "row 2: there is no label"),
        ([("pictures/000.png", "infected")] * 2, "row 3: .* stands there twice"),
        ([("pictures/000.png", "infected")], "no cell of Uninfected"),
        ([], "columns file and label"),
    ],
)
def test_a_table_that_is_wrong_says_where(table: Path, rows: list[tuple[str, str]], why: str) -> None:
    write_csv(table, ("file", "label"), rows)
    with pytest.raises(DataError, match=why):
        load_table(table)


@pytest.mark.slow
def test_a_table_and_a_split_of_ones_own_train_and_evaluate_by_command(
    table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    own_split(load_table(table), tmp_path / "own.csv")
    given = ("--data", "mine.csv")
    small = ("--epochs", "1", "--set", "image_size=32", "--set", "cache_size=32", "--cache", "cache")
    assert run("data", "describe", "mine.csv", "--patients", monkeypatch=monkeypatch) == 0
    assert run("train", "basic_cnn", *given, "--split", "own.csv", *small, monkeypatch=monkeypatch) == 0
    model = Path("runs/basic_cnn-own-0")
    assert Classifier.load(model).card.data.split == "own.csv"
    assert run("evaluate", *given, "--model", str(model), "--part", "test", monkeypatch=monkeypatch) == 0
