"""How often the 95 % intervals of slides cover the true parasitaemia.

As in a laboratory, the program's errors are first measured on other fields of the same kind, which corrects the counts.

python benchmarks/coverage.py [--slides 200] [--measured 60]

Of rendered slides, with the bias by band. All of them are as of one patient.

python benchmarks/coverage.py --cells RESULTS-cells/*-patient-?-seed0-test-8-view.csv.gz

Of slides dealt from the cells of patients whom the network never saw (``plasmoscope.evaluation.dealing``), and how
often slides at the printed limit of detection are found. The tables are those of `plasmoscope compare --output`, one a
fold: slides of each fold's patients are counted with errors measured on patients of the others. Or they are of
`plasmoscope evaluate`, or have the columns patient, truth and probability: then with one --threshold for all, or one
for each.
"""

import argparse
from collections import defaultdict
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np

from plasmoscope import Classifier, SlideOptions, analyze_field, analyze_slide
from plasmoscope.analysis.counting import wilson
from plasmoscope.analysis.method import calling
from plasmoscope.analysis.performance import Performance
from plasmoscope.analysis.results import Interval
from plasmoscope.evaluation.boxes import TrueBox
from plasmoscope.evaluation.dealing import SHARES, DealtSlide, Protocol, deal_slides, read_patients_rates
from plasmoscope.evaluation.fields import evaluate_fields
from plasmoscope.evaluation.performance import measured_performance
from plasmoscope.synthetic.rendering import SyntheticField, cell_box, render_field

_FIELDS = 2
_BANDS = (0.0, 0.1, 1.0, 2.5, 5.0, 10.0)


def main() -> None:
    """Count slides whose truth is known, rendered or dealt, and compare."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--slides", type=int, default=200)
    parser.add_argument("--measured", type=int, default=60, help="fields to measure the program's errors on")
    parser.add_argument("--cells", nargs="+", type=Path, help="tables of judged cells to deal slides from")
    parser.add_argument("--threshold", nargs="+", type=float, help="of each table, or one of all; else the table's own")
    parser.add_argument("--counted", type=int, default=1_000, help="cells of a dealt slide")
    parser.add_argument("--patients", type=int, default=24, help="whose errors are measured before slides are dealt")
    parser.add_argument("--measurements", type=int, default=60, help="each of other patients, with 12 slides of a kind")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    if arguments.cells:
        count_dealt(arguments)
    else:
        count_rendered(arguments)


def count_dealt(arguments: argparse.Namespace) -> None:
    """Deal slides from the cells of held-out patients."""
    given = arguments.threshold or [None]
    thresholds = given * (len(arguments.cells) if len(given) == 1 else 1)
    folds = [read_patients_rates(*of_fold) for of_fold in zip(arguments.cells, thresholds, strict=True)]
    patients = [patient for fold in folds for patient in fold]
    for what in ("sensitivity", "false_calls"):
        rates = np.array([getattr(patient, what) for patient in patients])
        spread = ", ".join(f"{rate:.2%}" for rate in np.quantile(rates, [0, 0.1, 0.5, 0.9, 1]))
        print(f"{what} of {len(patients)} patients: mean {rates.mean():.2%}; 0, 10, 50, 90, 100 in 100 below: {spread}")
    for by_patient in (True, False):
        protocol = Protocol(arguments.counted, arguments.patients, by_patient=by_patient, slides=12)
        slides: dict[str, list[DealtSlide]] = defaultdict(list)
        for slide in deal_slides(folds, arguments.measurements, protocol=protocol, seed=arguments.seed):
            slides[slide.kind].append(slide)
        how = "each" if by_patient else "all together, so that a wide spread is assumed"
        print(f"\n{arguments.counted} cells counted; errors measured on {arguments.patients} patients, of {how}:")
        print("\n| parasitaemia | slides | corrected interval covers | Wilson's covers |\n| --- | --- | --- | --- |")
        for share in SHARES:
            show_dealt([slide for slide in slides["any"] if slide.share == share], f"{100 * share:g} %")
        show_dealt(slides["any"], "all")
        print()
        for kind, name in (
            ("negative", "without a parasite are positive (at most 5 %)"),
            ("limit", "at the limit of detection of the program alone are positive (95 %)"),
            ("limit reviewed", "at that after a person has looked have a parasite among the called cells (95 %)"),
        ):
            if some := slides[kind]:
                at = f"{100 * np.median([slide.share for slide in some]):.2g} %"
                print(f"- {np.mean([slide.found for slide in some]):.1%} of {len(some)} slides {name}; median {at}")


def show_dealt(slides: Sequence[DealtSlide], name: str) -> None:
    """How often intervals cover the truth."""
    corrected, wilson_s = (np.mean([getattr(s, of) for s in slides]) for of in ("covered", "covered_uncorrected"))
    print(f"| {name} | {len(slides)} | {corrected:.1%} | {wilson_s:.1%} |")


def count_rendered(arguments: argparse.Namespace) -> None:
    """Render slides from 0 to 10 % parasitaemia."""
    rng = np.random.default_rng(arguments.seed)
    classifier = Classifier.load(use="fields")
    performance = measure(classifier, arguments.measured, rng)
    print(performance.model_dump_json(indent=2))
    print(performance.errors, flush=True)
    options = SlideOptions(performance=performance)
    truths: list[float] = []
    intervals: dict[str, list[Interval]] = {"exact count": [], "Wilson": [], "corrected (Rogan-Gladen)": []}
    for slide in range(arguments.slides):
        # A tenth of the slides hold no parasite; the rest are spread evenly.
        share = 0.0 if slide % 10 == 0 else float(rng.uniform(0, 0.1))
        # The patient's share, which the intervals are to cover; a field's cells are a sample.
        fields = [render(share, rng) for _ in range(_FIELDS)]
        count = analyze_slide([field.image for field in fields], classifier, options).count
        if count is None or count.corrected is None:
            print(f"slide {slide + 1} was refused")
            continue
        truths.append(share * 100)
        # What a count without any mistake would say: its misses are those of sampling alone.
        whole = [cell for field in fields for cell in field.cells if cell.whole]
        exact = wilson(sum(cell.infected for cell in whole), len(whole))
        intervals["exact count"].append(exact.scaled(100))
        intervals["Wilson"].append(count.parasitaemia)
        intervals["corrected (Rogan-Gladen)"].append(count.corrected)
        if (slide + 1) % 20 == 0:
            print(f"{slide + 1} slides", flush=True)
    for name, found in intervals.items():
        covered = np.array([_covers(interval, truth) for interval, truth in zip(found, truths, strict=True)])
        errors = np.array([interval.value - truth for interval, truth in zip(found, truths, strict=True)])
        print(f"{name}: the interval covers the truth in {covered.mean():.1%} of {len(truths)} slides")
        for low, high in pairwise(_BANDS):
            band = np.array([low <= truth < high for truth in truths])
            if band.any():
                print(
                    f"  {low:g} to {high:g} %: {band.sum()} slides, bias {errors[band].mean():+.2f} points, "
                    f"covered {covered[band].mean():.0%}"
                )


def render(share: float, rng: np.random.Generator) -> SyntheticField:
    """A field of a patient."""
    return render_field(
        int(rng.integers(2**31)),
        width=1280,
        height=960,
        cells=130,
        parasitaemia=share,
        cell_diameter=60,
        overlap=0.15,
    )


def measure(classifier: Classifier, fields: int, rng: np.random.Generator) -> Performance:
    """What the program makes of fields whose cells are known."""
    analyzed, truth = {}, {}
    for number in range(fields):
        rendered = render(float(rng.uniform(0, 0.1)), rng)
        name = f"{number}"
        analyzed[name] = analyze_field(rendered.image, classifier, name=name)
        truth[name] = [
            TrueBox("ring" if cell.infected else "rbc", cell_box(rendered, index))
            for index, cell in enumerate(rendered.cells)
        ]
    evaluation = evaluate_fields(analyzed, truth)
    how = calling(classifier)
    return measured_performance(evaluation, classifier.card, how, "rendered", "rendered", fields)


def _covers(interval: Interval, truth: float) -> bool:
    return interval.low <= truth <= interval.high


if __name__ == "__main__":
    main()
