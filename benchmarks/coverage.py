"""How often the 95 % intervals of rendered slides cover the true parasitaemia, and the bias by band.

As in a laboratory, the program's errors are first measured on other fields of the same kind, which corrects the counts.

python benchmarks/coverage.py [--slides 200] [--measured 60]
"""

import argparse
from itertools import pairwise

import numpy as np

from plasmoscope import Classifier, SlideOptions, analyze_field, analyze_slide
from plasmoscope.analysis.analyze import calling
from plasmoscope.analysis.counting import wilson
from plasmoscope.analysis.performance import Performance
from plasmoscope.analysis.results import Interval
from plasmoscope.evaluation.boxes import TrueBox
from plasmoscope.evaluation.fields import evaluate_fields
from plasmoscope.evaluation.performance import measured_performance
from plasmoscope.synthetic.rendering import SyntheticField, cell_box, render_field

_FIELDS = 2
_BANDS = (0.0, 0.1, 1.0, 2.5, 5.0, 10.0)


def main() -> None:
    """Render slides from 0 to 10 % parasitaemia, count them, and compare with the truth of each."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--slides", type=int, default=200)
    parser.add_argument("--measured", type=int, default=60, help="fields to measure the program's errors on")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    rng = np.random.default_rng(arguments.seed)
    classifier = Classifier.load()
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
