"""The example slide: rendered photographs, kept and analysed like any others."""

from collections.abc import Sequence

from starlette.concurrency import run_in_threadpool

from plasmoscope.reports.illustrations import encode_png
from plasmoscope.store.errors import NotFoundError, TakenError
from plasmoscope.store.fields import add_field
from plasmoscope.store.history import time_line
from plasmoscope.store.patients import get_patient
from plasmoscope.store.records import LONGEST_TEXT, now
from plasmoscope.store.slides import EXAMPLE_PATIENT, SlideDetails, create_slide
from plasmoscope.store.store import Store
from plasmoscope.synthetic.rendering import render_field
from plasmoscope.web.dependencies import Workstation

SLIDE = "Example"
_FIELDS = 3  # drawn photographs


async def show_example(workstation: Workstation, who: str) -> int:
    """The example slide's number; it is made where there is none, and its analysis begins at once."""
    known = await run_in_threadpool(known_example, workstation.store)
    if known is not None:
        return known
    shown = await workstation.workers.drawing.take(photographs)
    slide_id = await run_in_threadpool(make_example, workstation.store, who, shown)
    workstation.queue.wake()
    return slide_id


def known_example(store: Store) -> int | None:
    """The number of the example slide; None where there is none yet."""
    with store.reading() as session:
        try:
            patient = get_patient(session, EXAMPLE_PATIENT)
        except NotFoundError:
            return None
        return next(
            (point.slide.id for point in time_line(session, patient.id) if point.slide.code == _code(store)), None
        )


def photographs() -> list[bytes]:
    """Render what it shows, as PNG; that takes a moment."""
    return [_photograph(seed) for seed in range(1, _FIELDS + 1)]


def make_example(store: Store, who: str, shown: Sequence[bytes]) -> int:
    """The number of the example slide, which holds these photographs where it was not made meanwhile.

    Raises:
        OSError: the photographs cannot be written.
    """
    details = SlideDetails(
        EXAMPLE_PATIENT, _code(store), now().date(), _site(store), preparer="Plasmoscope", stain="Giemsa"
    )
    try:
        with store.session() as session:
            slide = create_slide(session, who, details)
            for number, photograph in enumerate(shown, start=1):
                add_field(session, store.images, who, slide.id, f"field-{number}.png", photograph)
            return slide.id
    except TakenError:
        # A second click came in while the photographs were rendered.
        known = known_example(store)
        if known is None:
            raise
        return known


def _site(store: Store) -> str:
    """Whose the example is: everybody sees one, and nobody that of another site."""
    return min(store.place.sites or (), default="")


def _code(store: Store) -> str:
    return f"{SLIDE} {_site(store)}".strip()[:LONGEST_TEXT]


def _photograph(seed: int) -> bytes:
    field = render_field(
        seed, 1280, 960, cells=120, parasitaemia=0.06, cell_diameter=66, overlap=0.1, white_cells=1, precipitate=1
    )
    return encode_png(field.image)
