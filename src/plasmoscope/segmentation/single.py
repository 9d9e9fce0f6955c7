"""One cell cut out with its clear background, as some laboratories keep them: find it and black out the rest."""

import cv2
import numpy as np
from numpy.typing import NDArray

from plasmoscope.imaging.cells import cut_cell
from plasmoscope.imaging.illumination import take_out_light
from plasmoscope.segmentation.foreground import stain_density, stained


def isolate_cell(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Cut the cell at the middle of a picture out of its background, as the classifier's training data are cut.

    Args:
        image: RGB, shape (h, w, 3): one cell on a clear background, neighbours at the border allowed.

    Returns:
        RGB, its bounding box with black outside; the picture as it is where nothing stained lies near the middle.
    """
    light = take_out_light(image)
    found = stained(stain_density(light.absorbance), light.view).astype(np.uint8)
    mask = cv2.morphologyEx(found, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    contours, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    if not contours:
        return image
    middle = (image.shape[1] / 2, image.shape[0] / 2)
    # Inside is positive; between two that do not hold the middle the nearer one.
    nearest = max(contours, key=lambda contour: cv2.pointPolygonTest(contour, middle, True))
    if cv2.contourArea(nearest) < 0.02 * mask.size:
        return image
    return cut_cell(image, np.asarray(nearest[:, 0], np.int32))
