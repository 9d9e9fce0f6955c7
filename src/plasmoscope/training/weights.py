"""Weights from outside: ImageNet through torchvision, or a file; nothing is ever unpickled."""

import pickle
from pathlib import Path
from urllib.error import URLError

import torch
import torchvision
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from plasmoscope.errors import PlasmoscopeError


class WeightsError(PlasmoscopeError):
    """Weights cannot be had, are not safe to open, or do not fit the model."""


def read_weights(file: Path) -> dict[str, Tensor]:
    """Tensors by name from a safetensors file, or from a PyTorch file that holds nothing but tensors.

    Raises:
        WeightsError: missing, damaged, or a pickle with code in it, which is refused.
    """
    try:
        if file.suffix == ".safetensors":
            return load_file(file)
        content = torch.load(file, map_location="cpu", weights_only=True)
    except OSError as error:
        raise WeightsError(f"The weights file {file} cannot be opened: {error.strerror or error}") from error
    except pickle.UnpicklingError as error:
        raise WeightsError(
            f"{file} holds more than tensors; opening it could run code, so it is refused. "
            "Save the model's state_dict alone: torch.save(model.state_dict(), 'model.pth')"
        ) from error
    except (SafetensorError, RuntimeError, ValueError, EOFError, KeyError, AttributeError) as error:
        raise WeightsError(f"{file} is not a weights file that can be read; copy it again ({error})") from error
    if isinstance(content, dict) and isinstance(content.get("state_dict"), dict):
        content = content["state_dict"]
    if not isinstance(content, dict) or not content or not all(isinstance(v, Tensor) for v in content.values()):
        raise WeightsError(f"{file} holds no state dict (tensors by name). Save model.state_dict() alone.")
    return content


def imagenet_weights(model_name: str) -> dict[str, Tensor]:
    """Torchvision's ImageNet weights of an architecture, downloaded on first use.

    Raises:
        WeightsError: no connection; the message names the offline way.
    """
    try:
        weights = torchvision.models.get_model_weights(model_name).DEFAULT
        state: dict[str, Tensor] = weights.get_state_dict(progress=True, check_hash=True)
        return state
    except (URLError, OSError, RuntimeError) as error:
        raise WeightsError(
            f"The ImageNet weights of {model_name} could not be downloaded ({error}). "
            "Give a file with --init-weights FILE, or start from random weights with --from-scratch."
        ) from error


def start_from(model: nn.Module, weights: dict[str, Tensor]) -> list[str]:
    """Copy pretrained weights into a model, except the last layer where the classes differ.

    Returns:
        Names of the model's tensors that keep their random start.

    Raises:
        WeightsError: anything but the last layer is missing or of another shape.
    """
    own = model.state_dict()
    head = next(reversed(own)).rpartition(".")[0]
    fitting = {name: value for name, value in weights.items() if name in own and own[name].shape == value.shape}
    kept = [name for name in own if name not in fitting]
    misfits = [name for name in kept if name.rpartition(".")[0] != head and not name.endswith("num_batches_tracked")]
    if misfits:
        raise WeightsError(
            f"The weights do not fit this model: {len(misfits)} tensors are missing or of another shape, "
            f"such as {misfits[0]}. They must carry torchvision's names."
        )
    model.load_state_dict(fitting, strict=False)
    return kept
