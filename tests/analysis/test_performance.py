"""What a laboratory measured on its own slides: what it says, when it is refused, and what it corrects."""

import json
from importlib import import_module
from pathlib import Path

import pytest
import typer
from PIL import Image
from pydantic import ValidationError
from typer.testing import CliRunner, Result

from measured import measured
from plasmoscope import Classifier, SlideOptions, __version__, analyze_slide, read_performance
from plasmoscope.analysis.counting import CALLS_CHANGED, NOT_MEASURED, count_slide, red_cell_count, rogan_gladen
from plasmoscope.analysis.method import Calling, calling
from plasmoscope.analysis.performance import Performance, PerformanceError, write_performance
from plasmoscope.analysis.results import Cell, Field, Outline
from plasmoscope.analysis.slides import count_patient
from plasmoscope.csv_tables import csv_text
from plasmoscope.errors import PlasmoscopeError
from plasmoscope.evaluation.boxes import TrueBox
from plasmoscope.evaluation.fields import FieldsEvaluation, evaluate_fields
from plasmoscope.evaluation.patients import PatientsError, read_patients
from plasmoscope.evaluation.performance import measured_performance
from plasmoscope.i18n.words import english
from plasmoscope.imaging.pages import Content, Page
from plasmoscope.synthetic.rendering import SyntheticField, render_field

DEFAULT = red_cell_count(None, None)
# The package's attribute of this name is the command itself.
command = import_module("plasmoscope.cli.evaluate_fields")


@pytest.fixture(scope="module")
def rendered() -> SyntheticField:
    return render_field(41, cells=60, parasitaemia=0.2)


def of(field_classifier: Classifier, **changes: object) -> Performance:
    """Measured with this field_classifier in its usual way."""
    how = calling(field_classifier)
    return measured(model_sha256=field_classifier.card.sha256, threshold=how.threshold, views=how.views, **changes)


def patient(**changes: int) -> dict[str, int]:
    """All cells of ``measured``, as those of one patient."""
    names = ("infected_judged", "infected_found", "infected_not_counted", "uninfected_judged", "uninfected_called")
    return measured().model_dump(include=set(names)) | changes


# What is said without it


def test_without_a_measurement_here_no_count_is_corrected_and_whose_slides_the_figures_are_of_is_said(
    rendered: SyntheticField, field_classifier: Classifier
) -> None:
    """The model's own figures, 93.22 % and 99.43 %, are of the NIH's slides."""
    slide = analyze_slide([rendered.image], field_classifier)
    assert slide.count is not None
    assert {slide.count.corrected, slide.count.sensitivity, slide.count.specificity} == {None}
    assert slide.count.performance is None
    said = slide.count.correction_basis
    assert said == english(NOT_MEASURED)
    for part in ("NIH", "52 to 77 %", "0 to 4 false calls per 1,000", "evaluate-fields"):
        assert part in said


def test_a_count_is_corrected_with_what_was_measured_here_and_says_so(
    rendered: SyntheticField, field_classifier: Classifier, tmp_path: Path
) -> None:
    file = tmp_path / "performance.json"
    write_performance(file, of(field_classifier))
    here = read_performance(file)
    slide = analyze_slide([rendered.image], field_classifier, SlideOptions(performance=here))
    count = slide.count
    assert count is not None
    assert count.corrected == rogan_gladen(count.infected, count.counted, here.errors).scaled(100)
    assert (count.sensitivity, count.specificity) == (0.9, 0.99)
    assert count.performance == here
    for part in ("St. Mary, Kisumu", "1 Feb 2026", "90 %", "99 %", "400 infected", "24 patients"):
        assert part in count.correction_basis


def test_people_s_calls_are_not_corrected_with_the_programs_errors() -> None:
    count = count_slide(30, 1_000, DEFAULT, measured(), not_corrected=CALLS_CHANGED)
    assert (count.corrected, count.sensitivity) == (None, None)
    assert count.correction_basis == english(CALLS_CHANGED)
    assert count.performance


def test_a_patients_count_is_corrected_where_each_slides_is(
    rendered: SyntheticField, field_classifier: Classifier
) -> None:
    here = of(field_classifier)
    one, other = (
        analyze_slide([rendered.image], field_classifier, SlideOptions(slide=name, patient="P", performance=how))
        for name, how in (("A", here), ("B", None))
    )
    assert count_patient([one, one]).corrected
    mixed = count_patient([one, other])
    assert mixed.corrected is None
    assert "Not all" in mixed.correction_basis
    assert count_patient([other]).correction_basis == english(NOT_MEASURED)


# When it is refused


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"plasmoscope": "0.0.9"}, "version of Plasmoscope: 0.0.9"),
        ({"model_sha256": "f" * 64}, "model, by its SHA-256"),
        ({"threshold": 0.9}, "threshold: 0.9"),
        ({"views": 1}, "number of views: 1"),
        ({"profile": {"name": "ours", "version": 2, "sha256": "a" * 64}}, "another profile: ours, version 2"),
        ({"infected_judged": 49, "infected_found": 40}, "49 infected"),
        ({"uninfected_judged": 999}, "999 other cells are too few"),
        ({"red_cells": 30_000}, "10,400 cells were counted where 30,000 red cells are annotated"),
        ({"infected_found": 10, "uninfected_called": 100}, "hardly better than chance"),
    ],
)
def test_a_measurement_of_another_way_of_calling_or_of_too_few_cells_is_refused(
    changes: dict[str, object], told: str
) -> None:
    measured().check("0123456789abcdef" * 4, 0.5, 8)
    with pytest.raises(PerformanceError, match=told):
        measured(**changes).check("0123456789abcdef" * 4, 0.5, 8)


def test_a_slide_is_refused_before_the_work_where_the_measurement_does_not_fit(field_classifier: Classifier) -> None:
    with pytest.raises(PerformanceError, match="threshold"):
        analyze_slide([b"never read"], field_classifier, SlideOptions(performance=of(field_classifier), threshold=0.5))


@pytest.mark.parametrize(
    "changes",
    [
        {"infected_found": 401},
        {"uninfected_called": 10_001},
        {"infected_judged": -1},
        {"uninfected_judged": 10**10},
        {"threshold": 1.1},
        {"views": 0},
        {"patients": 61},
        {"patients": 0},
        {"model_sha256": "abc"},
        {"laboratory": " "},
        {"laboratory": "x" * 201},
        {"red_cells": 0},
        {"format": 2},
        {"by_patient": [patient()]},
        {"by_patient": [patient(infected_judged=399), patient()], "patients": 2},
        {"by_patient": [patient(infected_found=401)], "patients": 1},
        {"unknown": 1},
    ],
)
def test_values_that_cannot_be_are_no_measurement(changes: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        measured(**changes)


def test_a_file_that_is_no_measurement_is_named_with_its_fault(tmp_path: Path) -> None:
    file = tmp_path / "performance.json"
    with pytest.raises(PerformanceError, match="cannot be read"):
        read_performance(file)
    for content, told in (
        ("no JSON", "Invalid JSON"),
        (json.dumps(json.loads(measured().model_dump_json()) | {"views": 9}), "views"),
        (json.dumps(json.loads(measured().model_dump_json()) | {"infected_found": 500}), "more cells were called"),
    ):
        file.write_text(content)
        with pytest.raises(PerformanceError, match=told):
            read_performance(str(file))


# Which cells are misses


def test_parasites_in_no_counted_cell_are_misses_only_beyond_what_is_lost_of_all_cells() -> None:
    """100 infected cells: 80 counted, of which 60 called; 20 in no counted cell. 8,000 cells counted in all."""
    seen = {"infected_judged": 80, "infected_found": 60, "infected_not_counted": 20, "uninfected_judged": 7_920}
    for red_cells, in_count in ((10_000, 80), (8_000, 100), (9_000, 89)):
        assert measured(**seen, red_cells=red_cells).errors.sensitivity == 60 / in_count, red_cells
    # Found more often than other cells: those that were judged are there all the same.
    assert measured(**seen, red_cells=12_000).errors.sensitivity == 60 / 80
    # A twentieth of what was counted is no cell.
    assert measured(**seen, red_cells=7_600).errors.sensitivity == 60 / 105
    # Where nobody knows how often healthy cells are lost.
    assert measured(**seen).errors.sensitivity == pytest.approx(60 / 100)


def test_the_corrected_share_is_the_true_one_whichever_cells_are_lost() -> None:
    """Of 100,000 cells one in ten is infected, and 1 % of the healthy ones are called."""
    infected, healthy = 10_000, 90_000
    for infected_lost, healthy_lost in ((0.0, 0.0), (0.2, 0.2), (0.3, 0.0), (0.3, 0.1)):
        judged, others = round(infected * (1 - infected_lost)), round(healthy * (1 - healthy_lost))
        found, called = round(0.8 * judged), round(0.01 * others)
        here = measured(
            infected_judged=judged,
            infected_found=found,
            infected_not_counted=infected - judged,
            uninfected_judged=others,
            uninfected_called=called,
            red_cells=infected + healthy,
        )
        corrected = rogan_gladen(found + called, judged + others, here.errors)
        assert corrected is not None
        assert corrected.value == pytest.approx(0.1, abs=0.002), (infected_lost, healthy_lost)


# How it is measured


def cell(left: int, called: bool, on_border: bool = False) -> Cell:
    box = (left, 0, 20, 20)
    corners = ((left, 0), (left + 20, 0), (left + 20, 20), (left, 20))
    return Cell(1, "red_cell", box, (left + 10.0, 10.0), 400.0, Outline(corners), on_border, 0.5, called)


def field(name: str, *cells: Cell, accepted: bool = True) -> Field:
    return Field(
        name=name, sha256="", width=9000, height=20, cell_diameter=20, checks=(), accepted=accepted, cells=cells
    )


def parasite(left: int) -> TrueBox:
    return TrueBox("parasite", (left + 8, 8, 4, 4))


def evaluated(red_cells: bool = False) -> FieldsEvaluation:
    """Two photographs of 60 infected and 1,100 other cells, and one that is refused."""
    places = range(0, 30 * 1160, 30)
    infected, healthy = list(places[:60]), list(places[60:])
    cells = [cell(left, called=number < 45) for number, left in enumerate(infected)]
    cells += [cell(left, called=number < 11) for number, left in enumerate(healthy)]
    truth = [parasite(left) for left in infected]
    in_cut = [parasite(0), parasite(200)]
    if red_cells:
        truth += [TrueBox("rbc", (left, 0, 20, 20)) for left in [*infected, *healthy]]
        in_cut += [TrueBox("rbc", (0, 0, 20, 20))]
    cut = field("cut", cell(0, called=True, on_border=True), cell(100, called=False))
    refused = field("refused", cell(0, called=False), accepted=False)
    return evaluate_fields(
        {"whole": field("whole", *cells), "cut": cut, "refused": refused},
        {"whole": truth, "cut": in_cut, "refused": [parasite(0)]},
    )


def test_only_whole_cells_of_photographs_that_count_are_measured(field_classifier: Classifier) -> None:
    here = measured_performance(evaluated(), field_classifier.card, calling(field_classifier), "A", "folder", 2)
    assert (here.infected_judged, here.infected_found, here.infected_not_counted) == (60, 45, 1)
    assert (here.uninfected_judged, here.uninfected_called) == (1_101, 11)
    assert (here.fields, here.patients, here.plasmoscope) == (2, 2, __version__)
    assert here.red_cells is None
    annotated = measured_performance(
        evaluated(red_cells=True), field_classifier.card, calling(field_classifier), "A", "folder", 2
    )
    assert annotated.red_cells == 1_160


def test_what_measures_too_little_is_refused(field_classifier: Classifier) -> None:
    few = evaluate_fields({"a": field("a", cell(0, called=True))}, {"a": [parasite(0)]})
    with pytest.raises(PerformanceError, match="at least 50 infected and 1,000 other"):
        measured_performance(few, field_classifier.card, calling(field_classifier), "A", "folder", 1)
    with pytest.raises(PerformanceError, match="3 patients cannot be of 2 photographs"):
        measured_performance(evaluated(), field_classifier.card, calling(field_classifier), "A", "folder", 3)


def test_how_far_patients_differ_is_measured_where_it_is_told_who_they_are(field_classifier: Classifier) -> None:
    here = measured_performance(
        evaluated(red_cells=True),
        field_classifier.card,
        calling(field_classifier),
        "A",
        "folder",
        {"whole": "P1", "cut": "P2", "refused": "P3"},
    )
    assert here.patients == 2, "of a photograph that is refused nothing is known"
    assert here.by_patient is not None
    whole, cut = here.by_patient
    assert (whole.infected_judged, whole.infected_found, whole.uninfected_called) == (60, 45, 11)
    assert (cut.infected_judged, cut.infected_not_counted, cut.uninfected_judged) == (0, 1, 1)
    assert here.errors.missed == ((15, 60), (1, 1)), "a parasite in no counted cell is a miss, of its patient too"
    assert [cells for _, cells in here.errors.false_calls] == [1_100, 1]
    assert "P1" not in here.model_dump_json(), "who they are is not kept"


def test_a_file_of_an_earlier_version_which_knows_no_patients_is_read(tmp_path: Path) -> None:
    content = json.loads(measured().model_dump_json())
    del content["by_patient"]
    file = tmp_path / "performance.json"
    file.write_text(json.dumps(content))
    earlier = read_performance(file)
    assert earlier == measured()
    assert "(assumed)" in count_slide(30, 1_000, DEFAULT, earlier).correction_basis


def test_a_table_tells_the_patient_of_each_photograph(tmp_path: Path) -> None:
    images: dict[str, Content | Page] = {
        name: Content(f"photos/{name}", b"") for name in ("one.jpg", "a/two.jpg", "b/two.jpg")
    }
    images["stack.tif page 2"] = Page(Content("photos/stack.tif", b""), 2)
    table = tmp_path / "patients.csv"
    rows = [("one.jpg", "Ama"), ("a\\two.jpg", "7"), ("photos/b/two.jpg", "8"), ("stack.tif", "7"), ("more.jpg", "9")]
    table.write_text(csv_text(("image", "patient"), rows), "utf-8")
    assert read_patients(images, table) == {
        "one.jpg": "Ama", "a/two.jpg": "7", "b/two.jpg": "8", "stack.tif page 2": "7",
    }  # fmt: skip
    for wrong, told in (
        (rows[1:], "1 photographs stand in .* under no patient: one.jpg"),
        ([*rows, ("one.jpg", "Kofi")], "under several patients: one.jpg"),
        ([*rows[1:], ("one.jpg", " ")], "under no patient"),
    ):
        table.write_text(csv_text(("image", "patient"), wrong), "utf-8")
        with pytest.raises(PatientsError, match=told):
            read_patients(images, table)
    table.write_text("name,who\none.jpg,Ama\n", "utf-8")
    with pytest.raises(PatientsError, match="columns image and patient"):
        read_patients(images, table)


def annotate(file: Path, parasites: int) -> None:
    boxes = "".join(
        "<object><name>parasite</name><bndbox>"
        f"<xmin>{left + 8}</xmin><ymin>8</ymin><xmax>{left + 12}</xmax><ymax>12</ymax></bndbox></object>"
        for left in range(0, 30 * parasites, 30)
    )
    file.write_text(f"<annotation>{boxes}</annotation>")


def run(*arguments: object) -> Result:
    app = typer.Typer()
    app.command()(command.evaluate_fields)
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_the_command_writes_what_analyze_takes(
    tmp_path: Path, field_classifier: Classifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def analyze(files: list[Path], model: Classifier, how: Calling) -> list[Field]:
        asked.append(how)
        places = range(0, 30 * 1160, 30)
        return [
            field(file.name, *(cell(left, called=number < 55) for number, left in enumerate(places))) for file in files
        ]

    monkeypatch.setattr(command, "_analyze", analyze)
    photographs = tmp_path / "fields-2026"
    photographs.mkdir()
    Image.new("RGB", (32, 32)).save(photographs / "one.png")
    annotate(photographs / "one.xml", 60)
    file = tmp_path / "performance.json"
    arguments = (photographs, "--truth", photographs, "--performance", file)
    refused = run(*arguments)
    assert isinstance(refused.exception, PlasmoscopeError)
    assert "--laboratory" in str(refused.exception)
    assert not asked, "refused before the work"
    told = (*arguments, "--laboratory", "St. Mary", "--patients", 1)
    done = run(*told, "--threshold", "0.9", "--tta", 5)
    assert done.exit_code == 0, done.output
    here = read_performance(file)
    assert (here.infected_judged, here.infected_found, here.uninfected_judged) == (60, 55, 1_100)
    assert (here.laboratory, here.photographs, here.fields) == ("St. Mary", "fields-2026", 1)
    here.check(field_classifier.card.sha256, 0.9, 5)
    assert asked[-1] == calling(field_classifier, 0.9, 5)
    assert here.by_patient is None
    for wrong in ("0", "many", tmp_path / "missing.csv"):
        refused = run(*arguments, "--laboratory", "St. Mary", "--patients", wrong)
        assert "columns image and patient" in " ".join(str(refused.exception).split())
    table = tmp_path / "patients.csv"
    table.write_text("image,patient\none.png,Ama\n", "utf-8")
    done = run(*arguments, "--laboratory", "St. Mary", "--patients", table, "--threshold", "0.9", "--tta", 5)
    assert done.exit_code == 0, done.output
    known = read_performance(file)
    assert known.model_copy(update={"by_patient": None}) == here
    assert [one.infected_found for one in known.by_patient] == [55]
    here = known
    # Too little for a file: the figures are shown, the file of before stays, and the exit code tells.
    annotate(photographs / "one.xml", 20)
    few = run(*told)
    assert few.exit_code == 1
    assert "was not written" in few.stderr
    assert "20 infected" in " ".join(few.stderr.split())
    assert read_performance(file) == here


def test_a_file_that_was_saved_again_with_a_byte_order_mark_is_read(
    field_classifier: Classifier, tmp_path: Path
) -> None:
    write_performance(tmp_path / "own.json", of(field_classifier))
    marked = tmp_path / "marked.json"
    marked.write_bytes(b"\xef\xbb\xbf" + (tmp_path / "own.json").read_bytes())
    assert read_performance(marked) == read_performance(tmp_path / "own.json")
