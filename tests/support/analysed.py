"""Photographs whose result is in the records."""

import hashlib

import numpy as np

from measured import measured
from plasmoscope.analysis import results
from plasmoscope.analysis.duplicates import fingerprint
from plasmoscope.analysis.method import Method
from plasmoscope.reports.illustrations import encode_png
from plasmoscope.store import fields
from plasmoscope.store.store import Store
from slides import rendered_field
from uploads import upload

IMAGE, FOUND = rendered_field(parasitaemia=0.4)
OTHER_IMAGE, OTHER_FOUND = rendered_field("other.png", seed=5)
METHOD = Method(
    plasmoscope="0.1.0",
    model="mobilenet_v2_96",
    model_sha256="0123456789abcdef" * 4,
    threshold=0.5,
    views=8,
    performance=measured(),
)


def analysed(
    store: Store, slide: int, image: np.ndarray = IMAGE, found: results.Field = FOUND, method: Method = METHOD
) -> int:
    """Upload a field and record its result as the server's worker does."""
    data = encode_png(image)
    field = upload(store, slide, data, found.name)
    with store.session() as session:
        taken = fields.take_waiting(session)
        assert taken
        assert taken.id == field
    result = found.model_copy(update={"sha256": hashlib.sha256(data).hexdigest()})
    with store.session() as session:
        assert fields.finish(session, field, result, method, fingerprint(image))
    return field
