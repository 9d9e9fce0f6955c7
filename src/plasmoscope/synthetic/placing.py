"""Where the cells of a smear lie: strewn at random, pushed apart, and some of them drawn onto a neighbour."""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

# Of a cell's mean diameter: how far beyond the border a cell's centre may lie.
OVERHANG = 0.25
# Of the smaller diameter of two: how far one cell that lies on another covers it.
OVERLAP_DEPTH = (0.03, 0.25)
RELAXATION_STEPS = 1000
SLACK = 0.5  # pixels


def place_discs(
    rng: np.random.Generator,
    radii: Array,
    reaches: Array,
    size: tuple[int, int],
    diameter: float,
    clinging: NDArray[np.intp],
) -> Array:
    """Centres of discs that keep apart, but for those that cling to a neighbour.

    Strewing alone, as a Poisson-disc sampler does, fails for a field as crowded as a smear's. The discs are pushed
    about on a torus slightly larger than the field, so that none pile up along its border. A disc that clings is
    pulled towards the disc nearest to it at first until the two overlap a little; these ties, like springs, join
    chains and clumps. Discs that cling may also overlap each other where they are crowded.

    Args:
        rng: where chance comes from.
        radii: of the discs in pixels, shape (n,); those that cling overlap by these.
        reaches: the radii within which the others let nothing else come, in pixels, shape (n,).
        size: width and height of the field in pixels.
        diameter: mean diameter in pixels.
        clinging: indices of the discs that cling to another.

    Returns:
        x and y in pixels, shape (n, 2).

    Raises:
        ValueError: where they do not fit.
    """
    overhang = OVERHANG * diameter
    span = np.array(size) + 2 * overhang
    centres = rng.random((len(radii), 2)) * span
    needed = reaches[:, None] + reaches
    np.fill_diagonal(needed, 0)
    tied = _tie(rng, centres, span, radii, needed, clinging)
    for _ in range(RELAXATION_STEPS):
        apart = centres[:, None] - centres
        apart -= span * np.round(apart / span)
        distance = np.hypot(apart[..., 0], apart[..., 1])
        overlap = needed - distance
        # A little more than needed, or the last overlaps would shrink for ever without vanishing.
        push = np.where(overlap > 0, overlap + 0.5, 0)
        # A disc may hang on several springs, so each gives only a part of what it wants.
        push += np.where(tied & (overlap < -SLACK), overlap / 2, 0)
        if not push.any():
            return centres - overhang
        centres = (centres + (apart * (push / 2 / np.maximum(distance, 1e-6))[..., None]).sum(axis=1)) % span
    if len(clinging) and not (overlap > SLACK).any():
        return centres - overhang  # In a dense field some springs stay stretched; nothing depends on them.
    raise ValueError(
        f"{len(radii)} cells of {diameter:g} pixels do not fit into {size[0]} x {size[1]} pixels; "
        "ask for fewer or smaller cells, or a larger field"
    )


def _tie(
    rng: np.random.Generator, centres: Array, span: Array, radii: Array, needed: Array, clinging: NDArray[np.intp]
) -> NDArray[np.bool_]:
    """Tie each clinging disc to its nearest neighbour; `needed` becomes the distances to which discs may overlap."""
    tied = np.zeros(needed.shape, bool)
    if len(clinging) == 0 or len(radii) < 2:
        return tied
    apart = centres[clinging, None] - centres
    apart -= span * np.round(apart / span)
    distance = np.hypot(apart[..., 0], apart[..., 1])
    distance[np.arange(len(clinging)), clinging] = np.inf
    partners = distance.argmin(axis=1)
    tied[clinging, partners] = tied[partners, clinging] = True
    may_overlap = tied.copy()
    may_overlap[np.ix_(clinging, clinging)] = True
    np.fill_diagonal(may_overlap, False)
    depth = np.triu(rng.uniform(*OVERLAP_DEPTH, needed.shape), 1)
    depth = (depth + depth.T) * 2 * np.minimum(radii[:, None], radii)
    needed[may_overlap] = (radii[:, None] + radii - depth)[may_overlap]
    return tied
