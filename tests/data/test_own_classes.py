"""Data sets of any classes: folders, tables, Hugging Face's folders, patients in a table of their own."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from command_line import run
from plasmoscope.csv_tables import read_csv, write_csv
from plasmoscope.data.classes import classes_of
from plasmoscope.data.loading import load_cells
from plasmoscope.data.nih import DataError, load_nih
from plasmoscope.data.splits import make_split
from plasmoscope.labels import TWO_CLASSES, Classes
from plasmoscope.synthetic.dataset import write_stages

NAMES = ("late stage", "ring", "uninfected")


@pytest.fixture(scope="module")
def stages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("stages")
    write_stages(folder, fields=2, seed=5)
    return folder


def as_hugging_face(stages: Path, folder: Path, kind: str) -> Path:
    """The same cells as ``datasets`` takes them, a third for testing."""
    for number, cell in enumerate(load_cells(stages).cells):
        part = "test" if number % 3 == 0 else "train"
        label = NAMES[cell.label]
        place = folder / part / (label if kind == "folders" else "")
        place.mkdir(parents=True, exist_ok=True)
        shutil.copy(cell.source.name, place / f"{cell.stem}.png")
        if kind == "folders":
            continue
        with (folder / part / f"metadata.{kind}").open("a") as table:
            if kind == "csv":
                header = "" if table.tell() else "file_name,label,patient\n"
                table.write(f"{header}{cell.stem}.png,{label},P{number % 24}\n")
            else:
                table.write(json.dumps({"file_name": f"{cell.stem}.png", "label": label, "patient": number}) + "\n")
    return folder


def test_folders_of_any_names_are_classes_in_the_order_of_their_names(stages: Path) -> None:
    dataset = load_cells(stages)
    assert dataset.classes == Classes(NAMES, ("ring", "late stage"))
    assert [dataset.names[0].partition("/")[0], dataset.names[-1].partition("/")[0]] == ["late stage", "uninfected"]
    folders = [Path(cell.source.name).parent.name for cell in dataset.cells]
    assert [NAMES[label] for label in dataset.labels] == folders
    assert np.array_equal(dataset.infected, [folder != "uninfected" for folder in folders])


def test_a_class_of_which_nobody_knows_whether_it_counts_asks_for_positive(stages: Path, tmp_path: Path) -> None:
    shutil.copytree(stages, tmp_path / "data")
    (tmp_path / "data" / "late stage").rename(tmp_path / "data" / "B")
    with pytest.raises(DataError, match=r"--positive NAME\[,NAME\]\. Found: B \(\d+\), ring \(\d+\), uninfected"):
        load_cells(tmp_path / "data")
    dataset = load_cells(tmp_path / "data", ["B"])
    assert dataset.classes == Classes(("B", "ring", "uninfected"), ("B",))


@pytest.mark.parametrize(
    ("positive", "why"),
    [
        (
            ["ring", "schizont"],
            "no class 'schizont' to count as infected. The classes are: late stage, ring, uninfected",
        ),
        (list(NAMES), "Some classes must count as infected, and some not"),
    ],
)
def test_positive_names_that_cannot_be_are_refused_with_the_classes(
    stages: Path, positive: list[str], why: str
) -> None:
    with pytest.raises(DataError, match=why):
        load_cells(stages, positive)


@pytest.mark.parametrize(
    ("labels", "classes"),
    [
        (["Infected", "healthy"], TWO_CLASSES),
        (["1", "0"], TWO_CLASSES),
        (["P. vivax", "Plasmodium_falciparum", "negative"], "P. vivax,Plasmodium_falciparum"),
        (["Early trophozoites", "schizonts", "healthy"], "Early trophozoites,schizonts"),
        (["infected", "infcted", "uninfected"], None),
    ],
)
def test_known_names_tell_what_counts_as_infected(labels: list[str], classes: Classes | str | None) -> None:
    if classes is None:
        with pytest.raises(DataError, match=r"infcted \(1\)"):
            classes_of(labels)
    else:
        found = classes_of(labels)
        assert found == classes or ",".join(found.positive) == classes


def test_what_a_model_expects_holds_where_the_labels_are_of_it(stages: Path, few_cells: Path) -> None:
    expected = Classes(("uninfected", "ring", "late stage", "gametocyte"), ("ring", "late stage", "gametocyte"))
    assert load_cells(stages, expected=expected).classes == expected
    assert load_cells(few_cells, expected=expected).classes == TWO_CLASSES
    with pytest.raises(DataError, match="not those of the recipe or the model, uninfected, ring and schizont"):
        load_cells(stages, expected=Classes(("uninfected", "ring", "schizont"), ("ring",)))
    with pytest.raises(DataError, match="settled before"):
        load_cells(stages, ["ring"], expected=expected)


def test_the_folders_that_ship_are_read_as_ever_and_a_third_one_is_taken_when_asked_for(
    few_cells: Path, tmp_path: Path
) -> None:
    assert load_cells(few_cells).content == load_nih(few_cells).content
    assert load_cells(few_cells, ["Parasitized"]).content == load_nih(few_cells).content
    shutil.copytree(few_cells, tmp_path / "data")
    third = tmp_path / "data" / "cell_images" / "Doubtful"
    third.mkdir()
    shutil.copy(load_nih(few_cells).cells[0].source.name, third / "a.png")
    with pytest.raises(DataError, match=r"Doubtful \(1\).*--positive"):
        load_cells(tmp_path / "data")
    assert load_cells(tmp_path / "data", ["Parasitized"]).classes.names == ("Doubtful", "Parasitized", "Uninfected")


def test_pictures_deeper_than_classes_or_in_none_are_not_lost_in_silence(stages: Path, tmp_path: Path) -> None:
    shutil.copytree(stages, tmp_path / "data")
    one = next((tmp_path / "data" / "ring").glob("*.png"))
    shutil.copy(one, tmp_path / "data" / "sample.png")
    assert load_cells(tmp_path / "data").left_out == (str(tmp_path / "data" / "sample.png"),)
    (tmp_path / "data" / "ring" / "old").mkdir()
    shutil.copy(one, tmp_path / "data" / "ring" / "old" / "a.png")
    with pytest.raises(DataError, match=r"deeper than in folders of classes: ring/old \(1\)"):
        load_cells(tmp_path / "data")


@pytest.mark.parametrize("kind", ["folders", "csv", "jsonl"])
def test_a_data_set_for_hugging_face_comes_with_its_split(stages: Path, tmp_path: Path, kind: str) -> None:
    dataset = load_cells(as_hugging_face(stages, tmp_path / "hub", kind))
    assert dataset.classes.names == NAMES
    assert len(dataset) == len(load_cells(stages))
    split = make_split("folders", dataset)
    for part in ("train", "validation"):
        assert {dataset.cells[member].part for member in split.part(part)} == {"train"}
    assert {dataset.cells[member].part for member in split.test} == {"test"}
    assert len(split.train) + len(split.validation) + len(split.test) == len(dataset)
    assert (dataset.cells[0].patient is None) == (kind == "folders")


def test_a_table_of_metadata_that_does_not_go_with_its_pictures_says_where(stages: Path, tmp_path: Path) -> None:
    folder = as_hugging_face(stages, tmp_path / "hub", "csv")
    with pytest.raises(DataError, match="comes without a split"):
        make_split("folders", load_cells(stages))
    shutil.copy(next((folder / "train").glob("*.png")), folder / "train" / "more.png")
    with pytest.raises(DataError, match=r"1 pictures stand in no table of metadata, such as .*more\.png"):
        load_cells(folder)
    with (folder / "train" / "metadata.csv").open("a") as table:
        table.write("none.png,ring,P1\n")
    with pytest.raises(DataError, match=r"metadata\.csv, picture \d+: there is no file 'none\.png'"):
        load_cells(folder)


def test_patients_come_from_a_table_of_their_own(stages: Path, tmp_path: Path) -> None:
    dataset = load_cells(stages, groups=stages / "patients.csv")
    assert len(set(dataset.patients)) == 12
    split = make_split("patient-0-of-3", dataset)
    assert not {dataset.patients[m] for m in split.train} & {dataset.patients[m] for m in split.test}
    by_name = [(name, "P1") for name in dataset.names]
    write_csv(tmp_path / "all.csv", ("name", "patient"), by_name)
    assert set(load_cells(stages, groups=tmp_path / "all.csv").patients) == {"P1"}
    for row, why in (
        (("none.png", "P1"), "there is no cell"),
        (by_name[0], "more than once"),
        ((by_name[0][0], ""), "no patient"),
    ):
        write_csv(tmp_path / "wrong.csv", ("name", "patient"), [*by_name[:1], row])
        with pytest.raises(DataError, match=f"row 3: {why}"):
            load_cells(stages, groups=tmp_path / "wrong.csv")


def test_a_table_takes_any_classes_too(stages: Path, tmp_path: Path) -> None:
    rows = [(cell.source.name, NAMES[cell.label], "P1") for cell in load_cells(stages).cells]
    write_csv(tmp_path / "mine.csv", ("file", "label", "patient"), rows)
    assert load_cells(tmp_path / "mine.csv").classes.names == NAMES
    write_csv(tmp_path / "mine.csv", ("file", "label"), [*rows, (rows[0][0] + "x", "Ring")])
    with pytest.raises(DataError, match="there is no file"):
        load_cells(tmp_path / "mine.csv")
    shutil.copy(rows[0][0], tmp_path / "one.png")
    write_csv(tmp_path / "mine.csv", ("file", "label"), [*rows, ("one.png", "Ring")])
    with pytest.raises(DataError, match="but for capitals: Ring, ring"):
        load_cells(tmp_path / "mine.csv")


def test_the_commands_describe_and_split_such_a_data_set(
    stages: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    groups = ("--groups", stages / "patients.csv")
    monkeypatch.chdir(tmp_path)
    assert run("data", "describe", stages, *groups, "--patients", monkeypatch=monkeypatch) == 0
    said = capsys.readouterr().out
    assert "late stage" in said
    assert "count as infected: late stage, ring" in " ".join(said.split())
    arguments = ("data", "split", stages, "patient-0-of-3", *groups, "--positive", "ring", "--output", "split.csv")
    assert run(*arguments, monkeypatch=monkeypatch) == 0
    assert {row["name"].partition("/")[0] for row in read_csv(tmp_path / "split.csv")} == set(NAMES)
