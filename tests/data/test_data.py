import csv
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest

from command_line import run
from plasmoscope.data.cache import decoded_cells
from plasmoscope.data.describe import describe, write_sample_grid
from plasmoscope.data.nih import Cell, CellDataset, DataError, check_mapping, load_nih, parse_name
from plasmoscope.data.splits import PATIENT_FOLDS, make_split
from plasmoscope.imaging.reading import read_image
from plasmoscope.imaging.sources import ImageFile
from shared_data import shared_path


def imaginary_dataset(n: int, patients: int) -> CellDataset:
    cells = []
    for index in range(n):
        stem = f"C{index % patients}P{index % patients}ThinF_IMG_1_cell_{index:05}"
        slide, field, patient = parse_name(stem)
        cells.append(Cell(ImageFile(Path(stem)), stem, index % 2, slide, field, patient))
    return CellDataset(Path(), cells)


@pytest.mark.parametrize(
    ("stem", "slide", "patient"),
    [
        ("C100P61ThinF_IMG_20150918_144104_cell_162", "C100P61ThinF", "P61"),
        ("C37BP2_thinF_IMG_20150620_132847a_cell_87", "C37BP2_thinF", "P2"),
        ("C47P8thinOriginalOlympusCX21_IMG_1_cell_9", "C47P8thinOriginalOlympusCX21", "P8"),
        ("C1_thinF_IMG_20150604_104722_cell_9", "C1_thinF", "C1"),
        ("C241NThinF_IMG_20151207_124643_cell_1", "C241NThinF", "C241"),
    ],
)
def test_official_names_tell_slide_field_and_patient(stem: str, slide: str, patient: str) -> None:
    assert parse_name(stem)[0] == slide
    assert parse_name(stem)[2] == patient
    assert parse_name(stem)[1] == stem.rpartition("_cell_")[0]


def test_another_name_tells_nothing_and_a_split_by_patient_says_so(tmp_path: Path) -> None:
    for class_name in ("Parasitized", "Uninfected"):
        (tmp_path / class_name).mkdir()
        (tmp_path / class_name / "my cell.png").write_bytes(b"x")
    dataset = load_nih(tmp_path)
    assert dataset.cells[0].patient is None
    with pytest.raises(DataError, match="my cell"):
        make_split("patient-0", dataset)


def test_a_folder_in_another_layout_is_refused_with_the_layout_wanted(tmp_path: Path) -> None:
    (tmp_path / "cell.png").write_bytes(b"x")
    with pytest.raises(DataError, match="cell_images/Parasitized"):
        load_nih(tmp_path)


def test_the_real_names_agree_with_the_mapping_tables(nih_zip: Path) -> None:
    dataset = load_nih(nih_zip)
    tables = [nih_zip.parent / f"patientid_cellmapping_{name}.csv" for name in ("parasitized", "uninfected")]
    assert len(dataset) == 27_558
    assert len({cell.slide for cell in dataset.cells}) == 201
    assert len(set(dataset.patients)) == 200
    assert check_mapping(dataset, tables) == []


def test_a_cell_of_the_wrong_slide_is_found_by_the_mapping(nih_folder: Path, tmp_path: Path) -> None:
    dataset = load_nih(nih_folder)
    lines = [f"{cell.slide},\"['{cell.stem}.png']\"" for cell in dataset.cells]
    lines[0] = lines[0].replace(str(dataset.cells[0].slide), "C1P1ThinF", 1)
    (tmp_path / "mapping.csv").write_text("\n".join(lines))
    (problem,) = check_mapping(dataset, [tmp_path / "mapping.csv"])
    assert "C1P1ThinF" in problem


def test_the_cells_that_the_nih_published_are_known_by_their_names_alone(nih_zip: Path) -> None:
    dataset = load_nih(nih_zip)
    assert dataset.published_by_nih
    assert not CellDataset(dataset.root, dataset.cells[1:]).published_by_nih


def test_seed42_equals_the_published_membership(nih_zip: Path) -> None:
    dataset = load_nih(nih_zip)
    split = make_split("seed42", dataset)
    with shared_path("data/nih_split_seed42.csv").open(newline="") as stream:
        published = {row["name"]: row["split"] for row in csv.DictReader(stream)}
    for part, published_part in (("train", "train"), ("validation", "val"), ("test", "test")):
        ours = {dataset.names[i] for i in split.part(part)}
        assert ours == {name for name, where in published.items() if where == published_part}


@pytest.mark.parametrize(
    ("name", "sizes"),
    [
        ("seed42", (22_046, 2_755, 2_757)),
        ("article", (17_361, 1_929, 8_268)),
        ("80-20", (22_046, 5_512, 5_512)),
    ],
)
def test_splits_have_their_published_sizes(name: str, sizes: tuple[int, int, int]) -> None:
    split = make_split(name, imaginary_dataset(27_558, 200))
    assert (len(split.train), len(split.validation), len(split.test)) == sizes
    assert not set(split.train) & set(split.test)


def test_no_patient_is_on_two_sides_and_every_cell_is_tested_once() -> None:
    dataset = imaginary_dataset(3_000, 60)
    tested = []
    for fold in range(PATIENT_FOLDS):
        split = make_split(f"patient-{fold}", dataset)
        sides = [{dataset.patients[i] for i in split.part(part)} for part in ("train", "validation", "test")]
        assert not sides[0] & sides[1]
        assert not sides[0] & sides[2]
        assert not sides[1] & sides[2]
        assert len(split.train) + len(split.validation) + len(split.test) == len(dataset)
        tested += split.test.tolist()
    assert sorted(tested) == list(range(len(dataset)))


def test_an_unknown_split_lists_the_known_ones() -> None:
    with pytest.raises(DataError, match="seed42"):
        make_split("seed43", imaginary_dataset(100, 10))


def test_a_data_set_too_small_to_split_is_refused() -> None:
    with pytest.raises(DataError, match="too small"):
        make_split("seed42", imaginary_dataset(4, 2))


def test_cells_are_decoded_once_and_read_back_equal(nih_folder: Path, tmp_path: Path) -> None:
    dataset = load_nih(nih_folder)
    first = decoded_cells(dataset, 48, tmp_path)
    written = {file: file.stat().st_mtime_ns for file in tmp_path.iterdir()}
    again = decoded_cells(dataset, 48, tmp_path)
    assert {file: file.stat().st_mtime_ns for file in tmp_path.iterdir()} == written
    assert first.shape == (len(dataset), 48, 48, 3)
    assert np.array_equal(first, again)


def test_an_unreadable_cell_leaves_no_cache_and_is_named(tmp_path: Path) -> None:
    for class_name in ("Parasitized", "Uninfected"):
        (tmp_path / "data" / class_name).mkdir(parents=True)
        (tmp_path / "data" / class_name / "broken.png").write_bytes(b"x")
    with pytest.raises(DataError, match=r"2 of 2 .*broken\.png"):
        decoded_cells(load_nih(tmp_path / "data"), 48, tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []


def test_describe_counts_measures_and_names_what_is_wrong(nih_folder: Path, tmp_path: Path) -> None:
    import shutil

    copy = tmp_path / "data"
    shutil.copytree(nih_folder, copy)
    first = min((copy / "cell_images" / "Uninfected").iterdir())
    shutil.copy(first, first.with_name("copy.png"))
    (first.parent / "empty.png").write_bytes(b"")
    dataset = load_nih(copy)
    facts = describe(dataset)
    assert sum(facts.cells.values()) == len(dataset)
    assert facts.patients["all"] == 12
    assert facts.unnamed == 2
    assert facts.duplicates == ((f"Uninfected/{first.name}", "Uninfected/copy.png"),)
    assert [reason for _, reason in facts.unreadable] == ["the file is empty; copy it again from where it came"]
    assert 0 < facts.width.minimum <= facts.width.median <= facts.width.maximum
    write_sample_grid(dataset, tmp_path / "grid.png")
    assert read_image(tmp_path / "grid.png").std() > 10


@pytest.mark.parametrize("place", ["Suspicious", "Parasitized/rings", "Parasitized/rings.zip"])
@pytest.mark.parametrize("root", ["", "cell_images/"])
def test_a_folder_that_is_no_class_is_named_and_not_dropped(tmp_path: Path, root: str, place: str) -> None:
    data = tmp_path / "data"
    for folder in ("Parasitized", "Uninfected"):
        (data / root / folder).mkdir(parents=True)
        (data / root / folder / "one.png").write_bytes(b"x")
    other = data / root / place
    if place.endswith(".zip"):
        with zipfile.ZipFile(other, "w") as archive:
            archive.writestr("a.png", b"x")
            archive.writestr("b.png", b"x")
    else:
        other.mkdir()
        (other / "a.png").write_bytes(b"x")
        (other / "b.png").write_bytes(b"x")
        (other / "notes.txt").write_text("no picture")
    with pytest.raises(DataError, match=rf"{place} \(2\)"):
        load_nih(data)


def test_pictures_apart_from_the_classes_are_told_and_tables_are_no_pictures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], nih_folder: Path
) -> None:
    shutil.copytree(nih_folder, tmp_path / "data")
    (tmp_path / "data" / "cells.png").write_bytes(b"x")
    (tmp_path / "data" / "patientid_cellmapping_parasitized.csv").write_text("x")
    assert load_nih(tmp_path / "data").left_out == (str(tmp_path / "data" / "cells.png"),)
    assert run("data", "split", tmp_path / "data", "80-20", monkeypatch=monkeypatch) == 0
    assert "1 pictures, such as" in " ".join(capsys.readouterr().err.split())


def test_nothing_that_cannot_be_opened_is_missing_from_a_data_set_in_silence(nih_folder: Path, tmp_path: Path) -> None:
    shutil.copytree(nih_folder, tmp_path / "data")
    (tmp_path / "data" / "more.zip").write_bytes(b"no archive")
    with pytest.raises(DataError, match=r"more\.zip.*not a zip archive"):
        load_nih(tmp_path / "data")


def test_an_archive_beside_its_own_folder_names_both(nih_folder: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    shutil.copytree(nih_folder, data)
    shutil.make_archive(str(data / "cells"), "zip", nih_folder)
    with pytest.raises(DataError, match=r"are there twice, such as .*cells\.zip"):
        load_nih(data)


def test_a_byte_order_mark_before_a_mapping_table_is_no_part_of_the_first_slide(
    nih_folder: Path, tmp_path: Path
) -> None:
    dataset = load_nih(nih_folder)
    lines = [f"{cell.slide},\"['{cell.stem}.png']\"" for cell in dataset.cells]
    for encoding in ("utf-8-sig", "utf-16"):
        (tmp_path / "mapping.csv").write_text("\n".join(lines), encoding)
        assert check_mapping(dataset, [tmp_path / "mapping.csv"]) == []
