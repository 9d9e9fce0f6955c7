"""One cell cut out with its clear background, as some laboratories keep them: find it and black out the rest."""

import cv2
import numpy as np
from numpy.typing import NDArray

from plasmoscope.imaging.cells import cut_cell
from plasmoscope.segmentation.preparing import clear_colour
from plasmoscope.segmentation.reader import FieldReader
from plasmoscope.segmentation.segment import segment_field

# Clear background that is laid around a picture, as a share of its longer side: a cell that fills its picture then
# covers a fifth of it. Set by hand.
_MARGIN = 0.5
# A cell whose outline comes no nearer to the middle than this share of the picture's shorter side is a neighbour.
_FARTHEST = 0.25


def isolate_cell(image: NDArray[np.uint8], reader: FieldReader | None = None) -> NDArray[np.uint8]:
    """Cut the cell at the middle of a picture out of its background, as the classifier's training data are cut.

    Args:
        image: RGB, shape (h, w, 3): one cell on a clear background, neighbours at the border allowed.
        reader: the network that reads fields; the one that ships if None.

    Returns:
        RGB, its bounding box with black outside; the picture as it is where no cell lies near the middle.
    """
    reach = round(_MARGIN * max(image.shape[:2]))
    clear = clear_colour(image).tolist()
    # The reader was trained on fields, where a cell fills a small part of the picture.
    wide = np.asarray(cv2.copyMakeBorder(image, reach, reach, reach, reach, cv2.BORDER_CONSTANT, value=clear), np.uint8)
    cells = [item.outline for item in segment_field(wide, reader).objects if item.kind == "red_cell"]
    if not cells:
        return image
    middle = (wide.shape[1] / 2, wide.shape[0] / 2)

    def depth(outline: NDArray[np.int32]) -> float:
        """Inside is positive; between two that do not hold the middle the nearer one."""
        return float(cv2.pointPolygonTest(outline.astype(np.float32), middle, True))

    nearest = max(cells, key=depth)
    return cut_cell(wide, nearest) if depth(nearest) > -_FARTHEST * min(image.shape[:2]) else image
