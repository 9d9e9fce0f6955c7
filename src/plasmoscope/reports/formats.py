"""Every format of a slide's report, in one table: what is written for the slide and for each photograph.

The command line, the API and the pages offer what stands here; a new format is one more row.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from plasmoscope.analysis.results import Field, Slide
from plasmoscope.i18n.languages import Language
from plasmoscope.messages import mark
from plasmoscope.reports.fhir import fhir_json
from plasmoscope.reports.hl7 import hl7_oru
from plasmoscope.reports.html import slide_html
from plasmoscope.reports.illustrations import Illustrations, Photograph, encode_jpeg
from plasmoscope.reports.interchange import coco_json, geojson, imagej_rois
from plasmoscope.reports.letterhead import Letterhead
from plasmoscope.reports.ome import ome_tiff
from plasmoscope.reports.pdf import slide_pdf
from plasmoscope.reports.slide_json import slide_json
from plasmoscope.reports.tables import cells_csv, fields_csv

Content = str | bytes


@dataclass(frozen=True)
class Download:
    """A file of a slide as a browser gets it."""

    name: str
    media_type: str
    title: str = ""
    """What it holds: a message that the pages translate."""
    abbreviation: str = ""
    """What people call its format."""


@dataclass(frozen=True)
class SlideFile(Download):
    """A file of the slide."""

    write: Callable[[Slide], Content] | None = None
    illustrate: Callable[[Slide, Illustrations, Language, Letterhead | None], Content] | None = None
    """In place of ``write``, where it shows photographs and is for people, in their language."""


@dataclass(frozen=True)
class FieldFiles:
    """A file of each photograph that could be read."""

    ending: str
    """Of their names."""
    archive: Download
    """All of them, for a browser."""
    write: Callable[[Field], Content] | None = None
    draw: Callable[[Photograph], bytes] | None = None
    """In place of ``write``, where it shows the photograph."""


@dataclass(frozen=True)
class Format:
    """One format."""

    files: tuple[SlideFile, ...] = ()
    of_a_field: FieldFiles | None = None
    on_request: bool = False
    """Written only where it is asked for: it takes much room."""

    @property
    def draw(self) -> Callable[[Photograph], bytes] | None:
        """What makes its file of a photograph, where that shows the photograph."""
        return self.of_a_field.draw if self.of_a_field else None

    @property
    def illustrated(self) -> bool:
        """Whether it is a report that shows some of the photographs."""
        return any(file.illustrate for file in self.files)


_ARCHIVE = "application/zip"
FORMATS: Mapping[str, Format] = {
    "json": Format((SlideFile("slide.json", "application/json", abbreviation="JSON", write=slide_json),)),
    "csv": Format(
        (
            SlideFile("cells.csv", "text/csv; charset=utf-8", mark("Red cells"), "CSV", cells_csv),
            SlideFile("fields.csv", "text/csv; charset=utf-8", mark("Photographs"), "CSV", fields_csv),
        )
    ),
    "coco": Format((SlideFile("coco.json", "application/json", abbreviation="COCO", write=coco_json),)),
    "qupath": Format(
        of_a_field=FieldFiles(".geojson", Download("qupath.zip", _ARCHIVE, abbreviation="QuPath"), geojson)
    ),
    "imagej": Format(
        of_a_field=FieldFiles("-rois.zip", Download("fiji.zip", _ARCHIVE, abbreviation="Fiji"), imagej_rois)
    ),
    "pictures": Format(
        of_a_field=FieldFiles(
            "-annotated.jpg",
            Download("pictures.zip", _ARCHIVE, mark("Annotated photographs")),
            draw=lambda photograph: encode_jpeg(photograph.annotated),
        )
    ),
    "ome": Format(
        of_a_field=FieldFiles(
            "-outlined.ome.tif",
            Download("ome-tiff.zip", _ARCHIVE, abbreviation="OME-TIFF"),
            draw=lambda photograph: ome_tiff(photograph.image, photograph.field),
        ),
        on_request=True,
    ),
    "fhir": Format((SlideFile("fhir.json", "application/fhir+json", abbreviation="FHIR", write=fhir_json),)),
    "hl7": Format((SlideFile("oru.hl7", "application/hl7-v2; charset=utf-8", abbreviation="HL7", write=hl7_oru),)),
    "html": Format(
        (SlideFile("report.html", "text/html; charset=utf-8", mark("Report"), "HTML", illustrate=slide_html),)
    ),
    "pdf": Format((SlideFile("report.pdf", "application/pdf", mark("Report"), "PDF", illustrate=slide_pdf),)),
}
"""By the name that programs give it, in the order in which the files are written."""
USUAL = tuple(name for name, form in FORMATS.items() if not form.on_request)
ON_REQUEST = tuple(name for name, form in FORMATS.items() if form.on_request)
