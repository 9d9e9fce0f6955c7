"""Every sentence that has a code, in English; the catalogues have it in the other languages.

Who finds something gives its code and numbers (``plasmoscope.messages.message``); who shows it makes the sentence
(``plasmoscope.i18n.words.Words.tell``). ``%(name)s`` is a value of the message, ``%%`` a percent sign.
"""

from collections.abc import Mapping

from plasmoscope.messages import mark

_QUALITY = {
    "lighting_suffices": mark("the lighting suffices"),
    "too_dark": mark("the picture is too dark; turn the lamp up or expose longer"),
    "overexposed": mark(
        "the picture is overexposed, so parasites cannot be seen; turn the lamp down or expose shorter"
    ),
    "background_overexposed": mark(
        "the background is overexposed, so pale rings may be missed; turn the lamp down if you can"
    ),
    "red_cells_found": mark("red cells were found"),
    "hardly_any_cell": mark("hardly any red cell was found; is this a stained thin film? Move to a field with cells"),
    "in_focus": mark("cell edges are sharp"),
    "out_of_focus": mark("the cells are out of focus, so parasites cannot be seen; refocus and take the picture again"),
    "a_little_out_of_focus": mark(
        "the cells are a little out of focus, so faint rings may be missed; refocus if you can"
    ),
    "large_enough": mark("the cells are large enough in the picture"),
    "too_small": mark(
        "the cells are too small in this picture to show a ring; use the 100x objective or the camera's full size"
    ),
    "small": mark(
        "the cells are small in this picture, so faint rings may be missed; use the camera's full size if you can"
    ),
    "stained": mark("the cells have the colour of a stain"),
    "not_stained": mark(
        "what was found has not the colour of stained red cells; this looks like something else than a thin film"
    ),
    "thin_film": mark("single red cells lie side by side, as in a thin film"),
    "no_thin_film": mark(
        "there is no clear background with single red cells: a thick film, or no blood film at all; use the thin film "
        "of the slide"
    ),
    "cells_apart": mark("the cells lie apart enough to be counted"),
    "cells_in_heaps": mark("the cells lie in heaps; move to where they lie side by side, towards the feathered edge"),
    "fine_detail": mark("the picture keeps its fine detail"),
    "compressed": mark(
        "the picture was saved with few colours or strong compression, which wipes out rings; save it as PNG or as "
        "JPEG of high quality"
    ),
}
"""What the quality gate says of a field."""

SENTENCES: Mapping[str, str] = {**_QUALITY}
"""By their codes."""
CODES = {sentence: code for code, sentence in SENTENCES.items()}
"""For what earlier versions wrote, sentences without their codes."""
