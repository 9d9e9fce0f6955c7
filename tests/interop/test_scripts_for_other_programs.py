"""The scripts for Fiji and QuPath, as far as they run here: in ImageJ, and in Groovy with stand-ins for QuPath."""

import hashlib
import json
import os
import shutil
import subprocess
from collections import Counter
from pathlib import Path

import pytest

from doc_pages import ROOT
from patience import PATIENCE
from plasmoscope.analysis.calls import drawn_as
from plasmoscope.analysis.results import Field
from plasmoscope.messages import NOT_A_DEVICE
from plasmoscope.reports.bundle import write_slide
from plasmoscope.reports.illustrations import encode_png
from slides import rendered_field, slide_of

IMAGEJ = Path("/usr/share/java/ij.jar")
# What QuPath brings to a script, in its place: the name of the photograph that is open, and its annotations.
STAND_INS = """
import groovy.json.JsonSlurper
class Annotation { String of; String getPathClass() { of } }
def annotations = []
def server = [getMetadata: { -> [getName: { -> args[2] }] }]
def binding = new Binding(args: [args[1]] as String[])
binding.getCurrentServer = { -> server }
binding.getAnnotationObjects = { -> annotations }
binding.importObjectsFromFile = { String path ->
    new JsonSlurper().parse(new File(path), 'UTF-8').features.each {
        annotations << new Annotation(of: it.properties.classification.name)
    }
}
new GroovyShell(binding).evaluate(new File(args[0]))
"""


def needed(program: str, package: str) -> str:
    path = shutil.which(program)
    if path is None:
        pytest.skip(f"needs {program} (on Debian: apt install {package})")
    return path


def told_by(command: list[str]) -> list[str]:
    # Debian's Groovy asks for the place of Java, which not every system sets.
    java = Path(needed("java", "default-jre")).resolve().parents[1]
    environment = os.environ | {"JAVA_HOME": str(java)}
    ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=PATIENCE, env=environment)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout.splitlines()


@pytest.fixture
def report(tmp_path: Path) -> tuple[Path, Path, Field]:
    """A photograph, its slide's report, and what was found on it."""
    image, field = rendered_field("field 1.png")
    photograph = tmp_path / "field 1.png"
    photograph.write_bytes(encode_png(image))
    field = field.model_copy(update={"sha256": hashlib.sha256(photograph.read_bytes()).hexdigest()})
    other = rendered_field("other.png", seed=5)[1]
    folder = tmp_path / "report"
    write_slide(folder, slide_of(other, field), lambda _: image, ("json", "qupath", "imagej"))
    return photograph, folder, field


def expected(field: Field) -> list[str]:
    """What both say of the objects: how many, and how many of each call."""
    calls = Counter(drawn_as(cell).name for cell in field.cells)
    return [f"field 1.png: {len(field.cells)} objects", *(f"{call}: {number}" for call, number in calls.items())]


def test_the_macro_opens_the_outlines_in_imagej_and_counts_them(report: tuple[Path, Path, Field]) -> None:
    photograph, folder, field = report
    java, xvfb = needed("java", "default-jre"), needed("xvfb-run", "xvfb xauth")
    if not IMAGEJ.exists():
        pytest.skip("needs ImageJ (on Debian: apt install imagej)")
    given = f"{photograph}|{folder / 'fields' / '002-field_1-rois.zip'}"
    macro = str(ROOT / "examples" / "fiji" / "open_report.ijm")
    told = told_by([xvfb, "--auto-servernum", java, "-jar", str(IMAGEJ), "-batch", macro, given])
    assert sorted(told) == sorted([*expected(field), NOT_A_DEVICE])


def test_the_script_finds_the_photographs_objects_for_qupath_and_counts_them(
    report: tuple[Path, Path, Field], tmp_path: Path
) -> None:
    _, folder, field = report
    groovy = needed("groovy", "groovy")
    (tmp_path / "stand_ins.groovy").write_text(STAND_INS)
    script = str(ROOT / "examples" / "qupath" / "open_report.groovy")
    told = told_by([groovy, str(tmp_path / "stand_ins.groovy"), script, str(folder), "field 1.png"])
    assert sorted(told) == sorted([*expected(field), NOT_A_DEVICE])


def test_the_objects_for_qupath_have_the_form_that_it_documents(report: tuple[Path, Path, Field]) -> None:
    """GeoJSON of closed polygons, with an object type, a class with its colour, and numbers as measurements."""
    _, folder, field = report
    read = json.loads((folder / "fields" / "002-field_1.geojson").read_text())
    assert read["type"] == "FeatureCollection"
    assert len(read["features"]) == len(field.cells)
    for feature in read["features"]:
        (ring,) = feature["geometry"]["coordinates"]
        assert feature["geometry"]["type"] == "Polygon"
        assert ring[0] == ring[-1]
        assert len(ring) >= 4
        properties = feature["properties"]
        assert properties["objectType"] == "annotation"
        assert [0 <= level <= 255 for level in properties["classification"]["color"]] == [True] * 3
        assert all(isinstance(value, int | float) for value in properties["measurements"].values())
