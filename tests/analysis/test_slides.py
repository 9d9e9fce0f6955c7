"""A slide's result is put together in one way, wherever its fields come from."""

from datetime import date
from pathlib import Path

from analysed import analysed
from plasmoscope import SlideOptions, analyze_slide
from plasmoscope.analysis.method import Method, calling
from plasmoscope.classification.classifier import Classifier
from plasmoscope.reports.illustrations import encode_png
from plasmoscope.store import counts, slides
from plasmoscope.store.slides import SlideDetails
from plasmoscope.store.store import Store
from plasmoscope.synthetic.rendering import render_field


def test_the_records_give_the_slide_that_the_analysis_gave(tmp_path: Path, field_classifier: Classifier) -> None:
    image = render_field(seed=1, parasitaemia=0.1).image
    photograph = tmp_path / "field.png"
    photograph.write_bytes(encode_png(image))
    options = SlideOptions(slide="17", patient="A-203", haematocrit_percent=38)
    direct = analyze_slide(photograph, field_classifier, options)
    store = Store(tmp_path / "records")
    with store.session() as session:
        details = SlideDetails(patient="A-203", code="17", taken_on=date(2026, 3, 1), haematocrit_percent=38)
        number = slides.create_slide(session, "amina", details).id
    method = Method.of(field_classifier, calling(field_classifier))
    analysed(store, number, image, direct.fields[0], method)
    with store.session() as session:
        kept = counts.slide_result(session, slides.get_slide(session, number))
    store.close()
    # What only a record has.
    about_the_slide = {"taken_on", "site", "preparer", "microscopist", "stain", "status", "review", "created"}
    assert kept.model_dump(exclude=about_the_slide) == direct.model_dump(exclude=about_the_slide)
