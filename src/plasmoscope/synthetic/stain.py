"""The colours of a Giemsa-stained smear, as absorbances; measured on segmented cells of the public NIH data set."""

from dataclasses import dataclass, replace

import numpy as np

# Absorbance in red, green and blue: ``a`` lets exp(-a) of the light through.
Absorbance = tuple[float, float, float]
RGB = tuple[float, float, float]
# The least and the greatest value to draw from.
Range = tuple[float, float]


@dataclass(frozen=True)
class Stain:
    """The colours of one smear: how the stain was mixed and how well it was washed."""

    background: RGB  # the clear field
    red_cell: Absorbance
    # These come on top of the red cell's own absorbance.
    cytoplasm: Absorbance
    chromatin: Absorbance
    pigment: Absorbance
    platelet: Absorbance
    # White cells: the nucleus comes on top of the cytoplasm.
    nucleus: Absorbance = (0.52, 0.90, 0.22)
    neutrophil: Absorbance = (0.09, 0.17, 0.08)
    lymphocyte: Absorbance = (0.26, 0.28, 0.07)
    precipitate: Absorbance = (0.75, 1.60, 0.70)


# The looks of the NIH data: salmon-pink cells; the deep rose of a strong stain; the lilac of an alkaline one.
PINK = Stain(
    background=(230, 211, 199),
    red_cell=(0.13, 0.36, 0.27),
    cytoplasm=(0.16, 0.42, 0.10),
    chromatin=(0.28, 1.60, 0.28),
    pigment=(1.00, 1.30, 1.30),
    platelet=(0.36, 0.75, 0.16),
)
ROSE = replace(PINK, background=(228, 206, 205), red_cell=(0.20, 0.53, 0.35))
LILAC = Stain(
    background=(209, 210, 210),
    red_cell=(0.22, 0.28, 0.14),
    cytoplasm=(0.20, 0.36, 0.07),
    chromatin=(0.30, 1.40, 0.16),
    pigment=(1.00, 1.20, 1.20),
    platelet=(0.36, 0.70, 0.12),
    nucleus=(0.62, 0.85, 0.12),
)
STAIN_SHARES = {PINK: 0.45, ROSE: 0.15, LILAC: 0.4}
# How far fields differ in depth of stain (1 is the stain as given), in tint and in brightness.
FIELD_DEPTH: Range = (0.85, 1.25)
FIELD_TINT: Range = (0.92, 1.08)
FIELD_BRIGHTNESS: Range = (0.95, 1.05)


def draw_stain(rng: np.random.Generator) -> Stain:
    """Draw the stain of one field."""
    stain = list(STAIN_SHARES)[rng.choice(len(STAIN_SHARES), p=list(STAIN_SHARES.values()))]
    depth, brightness = rng.uniform(*FIELD_DEPTH), rng.uniform(*FIELD_BRIGHTNESS)
    red, green, blue = np.array(stain.red_cell) * depth * rng.uniform(*FIELD_TINT, 3)
    light_red, light_green, light_blue = np.array(stain.background) * brightness
    return replace(stain, background=(light_red, light_green, light_blue), red_cell=(red, green, blue))
