"""How long a whole field takes, stage by stage, and whether memory grows with a folder.

python benchmarks/fields.py [--field photograph.jpg]
"""

import argparse
import resource
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from plasmoscope import Classifier, analyze_field, analyze_slide
from plasmoscope.analysis.quality import measure, quality_checks
from plasmoscope.imaging.cells import cut_cell
from plasmoscope.imaging.reading import read_image
from plasmoscope.segmentation.segment import segment_field
from plasmoscope.synthetic.rendering import render_field

# Memory should be that of the fields in work, however many there are in all.
_FOLDERS = (10, 100)


def rendered_photograph(file: Path) -> None:
    """A rendered field of 12 megapixels as a JPEG file."""
    field = render_field(7, width=1600, height=1200, cells=200, parasitaemia=0.02, cell_diameter=60)
    image = cv2.resize(field.image, (4000, 3000), interpolation=cv2.INTER_CUBIC)
    cv2.imwrite(str(file), cv2.cvtColor(image, cv2.COLOR_RGB2BGR))


def median_seconds(work: Callable[[], object], turns: int = 5) -> float:
    """Median time of a piece of work."""
    times = []
    for _ in range(turns):
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    return float(np.median(times))


def peak_megabytes() -> float:
    """The most memory this process has held (Linux counts in kilobytes)."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    """Print each stage's share, the whole, and the memory of one field and of a folder."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--field", type=Path, help="a photograph; rendered if left out")
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    cv2.setNumThreads(arguments.threads)
    classifier = Classifier.load(threads=arguments.threads, use="fields")
    with tempfile.TemporaryDirectory() as name:
        file = arguments.field or Path(name) / "field.jpg"
        if arguments.field is None:
            rendered_photograph(file)
        image = read_image(file)
        segmentation = segment_field(image)
        reds = [item for item in segmentation.objects if item.kind == "red_cell"]
        crops = [cut_cell(image, item.outline) for item in reds]
        stages = {
            "read": median_seconds(lambda: read_image(file)),
            "segment": median_seconds(lambda: segment_field(image)),
            "quality gate": median_seconds(lambda: quality_checks(measure(image, segmentation))),
            "cut cells": median_seconds(lambda: [cut_cell(image, item.outline) for item in reds]),
            "classify": median_seconds(lambda: classifier.predict(crops)),
        }
        whole = median_seconds(lambda: analyze_field(file, classifier))
        height, width = image.shape[:2]
        print(f"{width} x {height} pixels ({width * height / 1e6:.1f} megapixels), {len(reds)} red cells")
        for stage, seconds in stages.items():
            print(f"{stage:14}{seconds:8.3f} s{seconds / sum(stages.values()):8.0%}")
        print(f"{'whole field':14}{whole:8.3f} s, at most {peak_megabytes():.0f} MB")
        for fields in _FOLDERS:
            started = time.perf_counter()
            analyze_slide([file] * fields, classifier)
            seconds = time.perf_counter() - started
            print(f"{fields} fields in a folder: {seconds:.1f} s, at most {peak_megabytes():.0f} MB")


if __name__ == "__main__":
    main()
