from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from plasmoscope import Classifier
from plasmoscope.classification.smears import judge_together
from plasmoscope.cli import app
from plasmoscope.csv_tables import read_csv
from plasmoscope.data.nih import load_nih
from plasmoscope.evaluation.evaluate import judged_by_smear, predict_part
from plasmoscope.imaging.cells import lit


def cells_of_a_smear(n: int, share: float, seed: int, trained_share: float = 0.5) -> tuple[np.ndarray, np.ndarray]:
    """What a perfectly calibrated classifier says of n cells, and which of them hold a parasite."""
    rng = np.random.default_rng(seed)
    infected = rng.random(n) < share
    # The log-odds of two normal distributions 4 apart, of unit width, are 4 times the distance from the middle.
    seen = rng.normal(np.where(infected, 2.0, -2.0), 1.0)
    odds = np.exp(4 * seen) * trained_share / (1 - trained_share)
    return odds / (1 + odds), infected


@pytest.mark.parametrize("trained_share", [0.5, 0.3])
@pytest.mark.parametrize("share", [0.05, 0.15, 0.9])
def test_the_cells_of_a_smear_tell_how_many_are_infected(share: float, trained_share: float) -> None:
    alone, infected = cells_of_a_smear(5_000, share, 1, trained_share)
    together = judge_together(alone, ["A"] * 5_000, trained_share)
    assert together.mean() == pytest.approx(infected.mean(), abs=0.003)
    assert np.mean((together >= 0.5) != infected) < np.mean((alone >= 0.5) != infected)


def test_in_healthy_blood_hardly_a_cell_is_called() -> None:
    alone, _ = cells_of_a_smear(2_000, 0, 2)
    assert np.count_nonzero(alone >= 0.5) > 30
    assert np.count_nonzero(judge_together(alone, ["A"] * 2_000) >= 0.5) <= 8


def test_a_clear_parasite_is_called_in_otherwise_healthy_blood_however_many_cells_there_are() -> None:
    for cells in (100, 1_000, 20_000):
        alone, _ = cells_of_a_smear(cells, 0, 3)
        # The shipped network is seldom surer, and never surer than 0.995.
        alone[17] = 0.993
        assert judge_together(alone, ["A"] * cells)[17] > 0.7


def test_other_smears_and_the_order_of_cells_do_not_matter() -> None:
    healthy, _ = cells_of_a_smear(200, 0, 4)
    ill, _ = cells_of_a_smear(300, 0.8, 5)
    both, smears = np.concatenate([healthy, ill]), np.repeat(["healthy", "ill"], [200, 300])
    order = np.random.default_rng(6).permutation(500)
    together = judge_together(both[order], smears[order].tolist())
    apart = np.concatenate([judge_together(healthy, ["x"] * 200), judge_together(ill, ["y"] * 300)])
    assert together == pytest.approx(apart[order], abs=1e-6)


def test_a_single_cell_keeps_nearly_its_own_probability() -> None:
    for alone in (0.02, 0.3, 0.5, 0.9):
        assert judge_together([alone], ["A"])[0] == pytest.approx(alone, abs=0.04)


def test_certainty_stays_finite_and_no_cells_are_no_error() -> None:
    assert judge_together([0.0, 1.0], ["A", "A"]) == pytest.approx([0, 1], abs=1e-5)
    assert judge_together([], []).shape == (0,)


def test_each_cell_needs_its_smear(classifier: Classifier, rendered_cells: list[tuple[np.ndarray, bool]]) -> None:
    cells = [cell for cell, _ in rendered_cells[:3]]
    with pytest.raises(ValueError, match="2 smears were given for 3 cells"):
        classifier.predict(cells, smears=["A", "B"])


def test_predict_judges_the_cells_of_each_smear_together(classifier: Classifier, real_cells: list[np.ndarray]) -> None:
    infected = np.arange(12) % 2 == 0
    smears = ["ill" if ill else "healthy" for ill in infected]
    alone = classifier.predict(real_cells)
    together = classifier.predict(real_cells, smears=smears)
    assert together == pytest.approx(judge_together(alone, smears), abs=1e-5)
    assert together[infected].mean() > alone[infected].mean()
    assert together[~infected].mean() < alone[~infected].mean()


@pytest.fixture(scope="module")
def restained(real_cells: list[np.ndarray], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Real cells as one patient's smear of a pale stain under bright light, in the NIH layout."""
    folder = tmp_path_factory.mktemp("restained")
    for index, cell in enumerate(real_cells):
        pale = np.where(lit(cell)[:, :, None], 255 * (cell / 255) ** [0.3, 0.35, 0.35], 0).astype(np.uint8)
        kind = folder / ("Uninfected" if index % 2 else "Parasitized")
        kind.mkdir(exist_ok=True)
        Image.fromarray(pale).save(kind / f"C1P1thin_IMG_1_cell_{index}.png")
    return folder


def test_cells_of_a_smear_of_another_stain_are_told_against_it(
    restained: Path, real_cells: list[np.ndarray], classifier: Classifier, tmp_path: Path
) -> None:
    output = tmp_path / "cells.csv"
    told = CliRunner().invoke(app, ["classify", str(restained), "--by-smear", "--output", str(output)])
    assert "12 cells were told against the background and the median cell of their own smear" in " ".join(
        told.output.split()
    )
    table = read_csv(output)
    files = [row["path"] for row in table]
    assert {row["reference"] for row in table} == {"smear"}
    together = [float(row["parasitized_probability"]) for row in table]
    assert together == pytest.approx(classifier.predict(files, smears=["A"] * 12), abs=1e-4)
    assert [float(row["probability_alone"]) for row in table] == pytest.approx(classifier.predict(files), abs=1e-4)
    as_they_are = judge_together(classifier.predict(files), ["A"] * 12)
    assert np.abs(np.array(together) - as_they_are).max() > 1e-3


def test_cells_of_the_nihs_own_stain_keep_their_colours_and_it_is_said(
    real_cells: list[np.ndarray], classifier: Classifier, tmp_path: Path
) -> None:
    for index, cell in enumerate(real_cells):
        Image.fromarray(cell).save(tmp_path / f"{index:02}.png")
    output = tmp_path / "cells.csv"
    for option in ([], ["--by-smear"]):
        told = CliRunner().invoke(app, ["classify", str(tmp_path), *option, "--output", str(output)])
        assert "each was judged as if stained and lit like the slides of the NIH" in " ".join(told.output.split())
        assert {row["reference"] for row in read_csv(output)} == {"standard"}


def test_an_evaluation_by_smear_is_of_what_classify_says(restained: Path, classifier: Classifier) -> None:
    dataset = load_nih(restained)
    alone = predict_part(classifier, dataset, range(12))
    files = [cell.source.path for cell in dataset.cells]  # type: ignore[union-attr]
    together = judged_by_smear(classifier, alone).probabilities
    assert together == pytest.approx(classifier.predict(files, smears=["A"] * 12), abs=1e-4)


def test_a_model_of_fields_keeps_the_colours_of_single_cells(
    restained: Path, field_classifier: Classifier, classifier: Classifier
) -> None:
    files = sorted(restained.rglob("*.png"))
    cells = np.stack([classifier.prepare(file) for file in files])
    assert set(classifier.unusual_smears(cells, ["A"] * 12)) == {"A"}
    assert field_classifier.unusual_smears(cells, ["A"] * 12) == {}
