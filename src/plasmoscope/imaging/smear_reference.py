"""References of smears of which only single cells are kept: the cells' rims show what lies between them."""

from collections import Counter, defaultdict
from collections.abc import Hashable, Sequence
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from plasmoscope.imaging.cells import lit, remarks_on, square
from plasmoscope.imaging.stain_reference import Reference, colour_of

Smear = TypeVar("Smear", bound=Hashable)

# Of a side: the outermost part is mixed with the black surround, the next one shows some background.
_MIXED, _RIM = 1 / 96, 4 / 96
# More cells of a smear change no median; fewer tell none.
_ENOUGH, _FEWEST = 60, 10
# Background and absorbance of the median red cell of the NIH's 200 patients with so many cells, rounded outwards.
_USUAL_BACKGROUND = ((180, 150, 150), (245, 215, 210))
_USUAL_ABSORBANCE = ((0.03, 0.08, 0.03), (0.40, 0.55, 0.17))


def smear_references(pixels: NDArray[np.uint8], smears: Sequence[Smear]) -> dict[Smear, Reference]:
    """The background and the median cell of each smear.

    Some cells are cut so tightly that no background is left beside them; others of the same smear are not.

    Args:
        pixels: cells on black, RGB, shape (n, size, size, 3).
        smears: of each, length n; the NIH data set's are its patients.
    """
    rims: dict[Smear, list[NDArray[np.float64]]] = defaultdict(list)
    colours: dict[Smear, list[NDArray[np.float64]]] = defaultdict(list)
    mixed, rim_width = (square(max(1, round(share * pixels.shape[1]))) for share in (_MIXED, _RIM))
    for cell, smear in zip(pixels, smears, strict=True):
        if len(rims[smear]) == _ENOUGH:
            continue
        whole = lit(cell).astype(np.uint8)
        rim = (cv2.erode(whole, mixed, borderValue=0) > 0) & (cv2.erode(whole, rim_width, borderValue=0) == 0)
        colour = colour_of(cell)
        if colour is not None and rim.any():
            rims[smear].append(np.percentile(cell[rim], 95, axis=0))
            colours[smear].append(colour)
    return {
        smear: Reference.of(np.percentile(rims[smear], 75, axis=0), np.median(colours[smear], axis=0))
        for smear in colours
    }


def some_of_each(smears: Sequence[Hashable]) -> list[int]:
    """Indices of as many cells of each smear as it takes to measure it, spread evenly: infected ones may come first."""
    members: dict[Hashable, list[int]] = defaultdict(list)
    for index, smear in enumerate(smears):
        members[smear].append(index)
    return sorted(index for some in members.values() for index in some[:: -(-len(some) // _ENOUGH)])


def unusual_smears(pixels: NDArray[np.uint8], smears: Sequence[Smear]) -> dict[Smear, Reference]:
    """The references of those smears that are stained or lit as none of the NIH's is.

    A network that learnt from the NIH's cells as they are knows the colours of their slides: bringing all of them to
    those of one takes from it what it knows. A smear of fewer than ten cells on black cannot be measured.

    Args:
        pixels: cells on black, RGB, shape (n, size, size, 3); other pictures count for nothing.
        smears: of each, length n.
    """
    good = [index for index, remark in enumerate(remarks_on(pixels)) if remark is None]
    cells = Counter(smears[index] for index in good)
    measured = [index for index in good if cells[smears[index]] >= _FEWEST]
    own = smear_references(pixels[measured], [smears[index] for index in measured])
    return {smear: reference for smear, reference in own.items() if not _is_usual(reference)}


def _is_usual(own: Reference) -> bool:
    return _within(np.array(own.background), _USUAL_BACKGROUND) and _within(own.absorbance, _USUAL_ABSORBANCE)


def _within(values: NDArray[np.float64], bounds: tuple[tuple[float, ...], tuple[float, ...]]) -> bool:
    least, most = bounds
    return bool(np.all((values >= least) & (values <= most)))
