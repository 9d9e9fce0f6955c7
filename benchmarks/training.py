"""Training throughput beside the plain way, in one run on one machine.

The plain way: ImageFolder, a DataLoader with two workers, torchvision transforms for each image, float32.
Plasmoscope: cells decoded once, augmentation of whole batches on the device, bfloat16 and channels_last where they pay.
Both train the same network at the same size with the same kinds of augmentation.

    python benchmarks/training.py --data cell_images.zip
"""

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import nn
from torch.utils.data import DataLoader
from torchvision.datasets import ImageFolder
from torchvision.transforms import v2

from plasmoscope.data.cache import decoded_cells
from plasmoscope.data.nih import CellDataset, load_nih
from plasmoscope.imaging.cells import read_cell
from plasmoscope.labels import CLASS_NAMES, log_odds
from plasmoscope.training.augmentation import augment
from plasmoscope.training.batches import to_float
from plasmoscope.training.models import build_model
from plasmoscope.training.recipe import Recipe, load_recipe
from plasmoscope.training.speed import mixed_precision_pays, prepare_for_training

Step = Callable[[], int]


def plain_step(dataset: CellDataset, recipe: Recipe, device: torch.device, folder: Path) -> Step:
    """A training step as tutorials write it; the cells lie in ``folder`` as PNG files."""
    for cell in dataset.cells:
        file = folder / CLASS_NAMES[cell.label] / f"{cell.stem}.png"
        file.parent.mkdir(exist_ok=True)
        Image.fromarray(read_cell(cell.source.read())).save(file)
    settings = recipe.augmentation
    transforms = v2.Compose(
        [
            v2.PILToTensor(),
            v2.Resize((recipe.image_size, recipe.image_size)),
            v2.RandomHorizontalFlip(),
            v2.RandomAffine(
                settings.rotation_degrees,
                (settings.shift, settings.shift),
                (1 - settings.zoom, 1 + settings.zoom),
                settings.shear_degrees,
            ),
            v2.ColorJitter(settings.brightness, settings.contrast, settings.saturation, settings.hue),
            v2.ToDtype(torch.float32, scale=True),
            v2.RandomApply([v2.GaussianBlur(5, settings.blur_sigma)], settings.blur_probability),
            v2.RandomErasing(settings.erasing_probability, settings.erasing_area),
            v2.Normalize(recipe.mean, recipe.std),
        ]
    )
    images = ImageFolder(folder, transforms)
    loader = DataLoader(images, recipe.batch_size, shuffle=True, num_workers=2, drop_last=True, persistent_workers=True)

    def endless() -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        while True:
            yield from loader

    batches = endless()
    model = build_model(recipe.model, recipe.image_size, recipe.model_options).to(device).train()
    optimizer = torch.optim.AdamW(model.parameters(), 1e-4)

    def step() -> int:
        inputs, labels = (tensor.to(device) for tensor in next(batches))
        loss = nn.functional.cross_entropy(model(inputs), labels)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        return len(labels)

    return step


def plasmoscope_step(dataset: CellDataset, recipe: Recipe, device: torch.device, folder: Path, compiled: bool) -> Step:
    """A training step as ``plasmoscope train`` makes it."""
    cells = torch.from_numpy(np.asarray(decoded_cells(dataset, recipe.cache_size, folder))).to(device)
    labels = torch.from_numpy(dataset.labels).to(device)
    model = prepare_for_training(build_model(recipe.model, recipe.image_size, recipe.model_options), device.type)
    model.to(device).train()
    forward = torch.compile(model.forward) if compiled else model.forward
    optimizer = torch.optim.AdamW(model.parameters(), 1e-4)
    generator = torch.Generator(device).manual_seed(0)
    mean = torch.tensor(recipe.mean, device=device)[:, None, None]
    std = torch.tensor(recipe.std, device=device)[:, None, None]
    bf16 = mixed_precision_pays(device.type)

    def step() -> int:
        chosen = torch.randint(len(cells), (recipe.batch_size,), device=device)
        images = to_float(cells[chosen])
        images = augment(images, recipe.augmentation, recipe.image_size, generator)
        images = ((images - mean) / std).contiguous(memory_format=torch.channels_last)
        with torch.autocast(device.type, torch.bfloat16, enabled=bf16):
            odds = log_odds(forward(images).float())
        loss = nn.functional.binary_cross_entropy_with_logits(odds, (labels[chosen] == 0).float())
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        return recipe.batch_size

    return step


def rate(step: Step, device: torch.device, seconds: float) -> float:
    """Images a second over at least this long."""
    started, images = time.perf_counter(), 0
    while time.perf_counter() - started < seconds:
        images += step()
    if device.type == "cuda":
        torch.cuda.synchronize()
    return images / (time.perf_counter() - started)


def main() -> None:
    """Measure all ways in turns and print rates and ratios."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder or zip in the NIH layout")
    parser.add_argument("--recipe", default="mobilenet_v2_96")
    parser.add_argument("--cells", type=int, default=2_000, help="cells to train on")
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=8)
    arguments = parser.parse_args()
    recipe = load_recipe(arguments.recipe)
    dataset = load_nih(arguments.data).thinned(arguments.cells)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "png").mkdir()
        steps = {
            "plain (ImageFolder, 2 workers, float32)": plain_step(dataset, recipe, device, folder / "png"),
            "plasmoscope": plasmoscope_step(dataset, recipe, device, folder, compiled=False),
            "plasmoscope --compile": plasmoscope_step(dataset, recipe, device, folder, compiled=True),
        }
        for step in steps.values():
            for _ in range(3):
                step()
        rates: dict[str, list[float]] = {way: [] for way in steps}
        for _ in range(arguments.turns):
            for way, step in steps.items():
                rates[way].append(rate(step, device, arguments.seconds))
    plain = float(np.median(next(iter(rates.values()))))
    where = f"{device}, {torch.get_num_threads()} threads"
    print(f"{recipe.name} at {recipe.image_size} px on {where}, median of {arguments.turns} turns")
    print(f"{'':42}{'images/s':>10}{'x plain':>9}")
    for way, measured in rates.items():
        median = float(np.median(measured))
        print(f"{way:42}{median:10.0f}{median / plain:9.1f}")


if __name__ == "__main__":
    main()
