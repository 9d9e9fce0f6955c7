"""A training picture with its truth: what every source of fields gives, whatever it is made of."""

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from plasmoscope.segmentation.vocabulary import Film, Tissue

Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class SceneObject:
    """One red or white cell with its whole outline, also where another lies on it."""

    tissue: Tissue
    """``RED_CELL`` or ``WHITE_CELL``."""
    outline: Floats
    """Closed polygon, shape (k, 2), x and y in pixels."""
    whole: bool = True
    """Whether the outline is known all round; that of a cell cut by the picture's border is not."""
    infected: bool = False
    """Of a red cell that was laid there."""


@dataclass
class Scene:
    """A square picture and what is known of it."""

    image: NDArray[np.uint8]
    """RGB, shape (s, s, 3)."""
    objects: list[SceneObject]
    surface: NDArray[np.uint8]
    """Shape (s, s): ``Tissue`` of every pixel apart from the objects', or ``UNKNOWN``."""
    film: Film | None
    """What kind of film it shows; None where nobody knows."""
    blur: float | None = None
    """Standard deviation of the blur over the diameter of a red cell; None where nobody knows."""
    not_red: bool = False
    """Whether nothing in it is a red cell, which is all that is known."""
    diameter: float = 0.0
    """Of a red cell in pixels; 0 where there is none."""

    def turned(self, turns: int, mirrored: bool) -> "Scene":
        """The same scene turned by quarter turns, counter-clockwise, and then mirrored from left to right."""
        last = self.image.shape[0] - 1

        def moved(outline: Floats) -> Floats:
            x, y = outline[:, 0], outline[:, 1]
            for _ in range(turns):
                x, y = y, last - x
            return np.stack([last - x if mirrored else x, y], axis=1)

        def move(plane: NDArray[np.uint8]) -> NDArray[np.uint8]:
            rotated = np.rot90(plane, turns)
            return np.ascontiguousarray(rotated[:, ::-1] if mirrored else rotated)

        objects = [replace(thing, outline=moved(thing.outline)) for thing in self.objects]
        return replace(self, image=move(self.image), surface=move(self.surface), objects=objects)

    def tissues(self) -> NDArray[np.uint8]:
        """``Tissue`` of every pixel, objects included, shape (s, s)."""
        drawn = self.surface.copy()
        kept = (drawn == Tissue.UNKNOWN) | (drawn == Tissue.NO_SPECIMEN)
        for thing in self.objects:
            cv2.fillPoly(drawn, [np.rint(thing.outline).astype(np.int32)], int(thing.tissue))
        drawn[kept] = self.surface[kept]
        return drawn
