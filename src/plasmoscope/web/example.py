"""The example slide: rendered photographs, kept and analysed like any others."""

from plasmoscope.reports.illustrations import encode_png
from plasmoscope.store.errors import NotFoundError, TakenError
from plasmoscope.store.fields import add_field
from plasmoscope.store.history import get_patient, time_line
from plasmoscope.store.records import now
from plasmoscope.store.slides import EXAMPLE_PATIENT, SlideDetails, create_slide
from plasmoscope.store.store import Store
from plasmoscope.synthetic.rendering import render_field

SLIDE = "Example"
_FIELDS = 3


def example_slide(store: Store, who: str) -> int:
    """The number of the example slide, which is made where there is none yet.

    Raises:
        OSError: the photographs cannot be written.
    """
    known = _known(store)
    if known is not None:
        return known
    # Rendered before the transaction: nobody else waits for it.
    photographs = [_photograph(seed) for seed in range(1, _FIELDS + 1)]
    details = SlideDetails(EXAMPLE_PATIENT, SLIDE, now().date(), preparer="Plasmoscope", stain="Giemsa")
    try:
        with store.session() as session:
            slide = create_slide(session, who, details)
            for number, photograph in enumerate(photographs, start=1):
                add_field(session, store.images, who, slide.id, f"field-{number}.png", photograph)
            return slide.id
    except TakenError:
        # A second click came in while the photographs were rendered.
        known = _known(store)
        if known is None:
            raise
        return known


def _known(store: Store) -> int | None:
    with store.reading() as session:
        try:
            patient = get_patient(session, EXAMPLE_PATIENT)
        except NotFoundError:
            return None
        return next((point.slide.id for point in time_line(session, patient.id) if point.slide.code == SLIDE), None)


def _photograph(seed: int) -> bytes:
    field = render_field(
        seed, 1280, 960, cells=120, parasitaemia=0.06, cell_diameter=66, overlap=0.1, white_cells=1, precipitate=1
    )
    return encode_png(field.image)
