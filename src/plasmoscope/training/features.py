"""Features of a frozen backbone, computed once a cell and kept."""

import hashlib
from collections import OrderedDict
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from plasmoscope.files import remove_abandoned, whole_file
from plasmoscope.progress import Track, untracked
from plasmoscope.training.batches import to_float
from plasmoscope.training.recipe import RecipeError
from plasmoscope.training.speed import mixed_precision_pays

# Cells at a time: a bound of memory.
_BATCH = 128


def split_stages(model: nn.Module, trainable: tuple[str, ...]) -> tuple[nn.Sequential, nn.Sequential]:
    """Part a network before the first stage in which a parameter learns.

    Args:
        model: a sequence of named stages.
        trainable: prefixes of the names of the parameters that learn.

    Returns:
        The frozen stages and the rest, both sharing the model's modules and names.

    Raises:
        RecipeError: the model is no sequence, or its first stage learns already.
    """
    stages = list(model.named_children())
    learning = [
        index
        for index, (stage, module) in enumerate(stages)
        if any(f"{stage}.{name}".startswith(trainable) for name, _ in module.named_parameters())
    ]
    if not isinstance(model, nn.Sequential) or not learning or learning[0] == 0:
        raise RecipeError(
            "cached_features: this network has no frozen stages to cache under this phase's trainable parameters"
        )
    first = learning[0]
    return nn.Sequential(OrderedDict(stages[:first])), nn.Sequential(OrderedDict(stages[first:]))


def cached_features(
    frozen: nn.Module,
    pixels: NDArray[np.uint8],
    mean: tuple[float, float, float],
    std: tuple[float, float, float],
    device: torch.device,
    cache_folder: Path,
    track: Track = untracked,
) -> NDArray[np.float16]:
    """Run frozen stages over all cells, in evaluation mode, or take what an earlier run kept.

    Args:
        pixels: uint8 RGB, shape (n, size, size, 3).
        mean: of the channels in [0, 1], taken off first.
        std: of the channels, divided by next.
        cache_folder: where features are kept, under a name made of the weights and the cells.

    Returns:
        Features, shape (n, ...).
    """
    frozen = frozen.eval().to(device)
    file = cache_folder / f"features-{_fingerprint(frozen, pixels, mean, std)}.npy"
    if not file.exists():
        cache_folder.mkdir(parents=True, exist_ok=True)
        remove_abandoned(file)
        offset = torch.tensor(mean, device=device)[:, None, None]
        scale = torch.tensor(std, device=device)[:, None, None]

        def run(batch: NDArray[np.uint8]) -> Tensor:
            images = to_float(torch.from_numpy(batch).to(device))
            return frozen(((images - offset) / scale).contiguous(memory_format=torch.channels_last))  # type: ignore[no-any-return]

        starts = range(0, len(pixels), _BATCH)
        bf16 = mixed_precision_pays(device.type)
        with whole_file(file) as unfinished, torch.no_grad(), torch.autocast(device.type, torch.bfloat16, enabled=bf16):
            shape = run(pixels[:1]).shape[1:]
            features = np.lib.format.open_memmap(unfinished, "w+", np.float16, (len(pixels), *shape))
            for start in track(starts, len(starts), "Computing features of the frozen stages"):
                batch = run(pixels[start : start + _BATCH])
                features[start : start + _BATCH] = batch.float().clamp(-65504, 65504).cpu().numpy()
            features.flush()
            # Windows renames no file that is still mapped.
            del features
    return np.lib.format.open_memmap(file, "c")


def _fingerprint(frozen: nn.Module, pixels: NDArray[np.uint8], *settings: tuple[float, ...]) -> str:
    digest = hashlib.sha256(repr((str(frozen), pixels.shape, settings)).encode())
    for value in frozen.state_dict().values():
        digest.update(value.cpu().contiguous().numpy().tobytes())
    # A spread of cells tells data sets apart without reading all of one.
    digest.update(np.ascontiguousarray(pixels[:: max(1, len(pixels) // 256)]).tobytes())
    return digest.hexdigest()[:16]
