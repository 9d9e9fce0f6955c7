"""Cells judged alone and among those of their smear, where few are infected, as in blood.

python benchmarks/smears.py runs/mobilenet_v2_96-patient-*-0

Of each patient in the test part of runs that were evaluated (`plasmoscope evaluate --part test --tta 8`), all
uninfected cells stay and infected ones are drawn to a given share, as far as there are enough. With `--cells
3000`, each run's cells are dealt anew into smears of so many. Best on splits that keep patients apart.
"""

import argparse
from pathlib import Path

import numpy as np

from plasmoscope.classification.card import ModelCard
from plasmoscope.classification.classifier import find_model
from plasmoscope.classification.smears import judge_together
from plasmoscope.data.nih import patient_of
from plasmoscope.evaluation.evaluate import evaluation_folder, read_reported_cells, report_stem
from plasmoscope.networks import read_network

_SHARES = (0.0, 0.005, 0.02, 0.1)
_FEWEST_CELLS = 30


def main() -> None:
    """Print for each share what is called, rightly and wrongly, and how calibrated it is."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("runs", nargs="+", type=Path)
    parser.add_argument("--part", default="test")
    parser.add_argument("--views", type=int, default=8)
    parser.add_argument("--cells", type=int, help="of a smear, dealt from all patients of a run")
    parser.add_argument("--draws", type=int, default=20)
    arguments = parser.parse_args()
    rng = np.random.default_rng(0)
    print("infected | smears, cells, infected | how | called, rightly | sensitivity, specificity | mean P | Brier")
    for share in _SHARES:
        counts, found = np.zeros(3), {"alone": np.zeros(4), "by smear": np.zeros(4)}
        for run in arguments.runs:
            _, card = read_network(find_model(run), ModelCard)
            cells_of_run = read_reported_cells(evaluation_folder(run), report_stem(arguments.part, arguments.views))
            parasitized, alone = cells_of_run.parasitized, cells_of_run.probabilities
            patients = np.array([patient_of(name) for name in cells_of_run.names])
            for _ in range(arguments.draws):
                if arguments.cells:
                    kept, named = _deal(parasitized, share, arguments.cells, rng), np.zeros(arguments.cells)
                else:
                    kept = _thin(patients, parasitized, share, rng)
                    named = patients[kept]
                truth = parasitized[kept]
                counts += len(set(named)), len(kept), truth.sum()
                together = judge_together(alone[kept], named.tolist(), card.calibration.parasitized_share)
                for how, p in (("alone", alone[kept]), ("by smear", together)):
                    called = p >= card.threshold
                    found[how] += called.sum(), (called & truth).sum(), p.sum(), ((p - truth) ** 2).sum()
        smears, cells, infected = counts / arguments.draws
        for how, sums in found.items():
            called, right, mass, brier = sums / arguments.draws
            sensitivity = f"{right / infected:.1%}" if infected else "-"
            specificity = f"{1 - (called - right) / (cells - infected):.2%}"
            print(
                f"{infected / cells:.2%} | {smears:.0f}, {cells:.0f}, {infected:.1f} | {how} | "
                f"{called:.1f}, {right:.1f} | {sensitivity}, {specificity} | {mass / cells:.4f} | {brier / cells:.4f}"
            )


def _thin(patients: np.ndarray, parasitized: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    """Indices of all uninfected cells of each patient who has enough of them, and of some infected ones."""
    kept = []
    for patient in np.unique(patients):
        healthy = np.flatnonzero((patients == patient) & ~parasitized)
        infected = np.flatnonzero((patients == patient) & parasitized)
        if len(healthy) >= _FEWEST_CELLS:
            wanted = rng.binomial(len(healthy), share / (1 - share))
            kept += [healthy, rng.permutation(infected)[:wanted]]
    return np.concatenate(kept)


def _deal(parasitized: np.ndarray, share: float, cells: int, rng: np.random.Generator) -> np.ndarray:
    """Indices of the cells of one made-up smear, drawn with replacement."""
    infected = rng.binomial(cells, share)
    return np.concatenate(
        [
            rng.choice(np.flatnonzero(~parasitized), cells - infected),
            rng.choice(np.flatnonzero(parasitized), infected),
        ]
    )


if __name__ == "__main__":
    main()
