"""A look at what augmentation does to cells before a night is spent on training with it."""

import numpy as np
import torch
from numpy.typing import NDArray

from plasmoscope.training.augmentation import augment
from plasmoscope.training.batches import to_float
from plasmoscope.training.recipe import Augmentation

_GAP = 4  # pixels between cells


def augmentation_preview(
    cells: NDArray[np.uint8], settings: Augmentation, size: int, copies: int = 9, seed: int = 0
) -> NDArray[np.uint8]:
    """One row a cell: the cell as it is, then augmented copies of it.

    Args:
        cells: RGB, shape (n, h, w, 3).
        settings: strengths.
        size: side of an augmented copy in pixels.
        copies: augmented copies a cell.
        seed: of all randomness.

    Returns:
        RGB picture on white, shape (height, width, 3).
    """
    images = to_float(torch.from_numpy(cells))
    generator = torch.Generator().manual_seed(seed)
    unchanged = augment(images, Augmentation(), size, generator)
    columns = [unchanged, *(augment(images, settings, size, generator) for _ in range(copies))]
    side = size + _GAP
    picture = np.full((len(cells) * side + _GAP, len(columns) * side + _GAP, 3), 255, np.uint8)
    for x, column in enumerate(columns):
        for y, image in enumerate((column * 255).round().byte().permute(0, 2, 3, 1).numpy()):
            top, left = _GAP + y * side, _GAP + x * side
            picture[top : top + size, left : left + size] = image
    return picture
