"""Network architectures, one file each; every one ends in one to three logits (see ``plasmoscope.labels.log_odds``).

Where there are classes of one's own, it ends in one logit for each. A network is a sequence of named stages with the
head last; ``mobilenet_v2`` keeps torchvision's own class.
"""

from collections.abc import Callable, Mapping

from torch import nn

from plasmoscope.errors import PlasmoscopeError
from plasmoscope.training.models.basic_cnn import basic_cnn
from plasmoscope.training.models.efficientnet_lite import efficientnet_lite0
from plasmoscope.training.models.feature_extractor import feature_extractor
from plasmoscope.training.models.mobilenet_residual import mobilenet_residual
from plasmoscope.training.models.mobilenet_v2 import mobilenet_v2
from plasmoscope.training.models.own_network import own_network
from plasmoscope.training.models.plasmosenet import plasmosenet
from plasmoscope.training.models.resnet import resnet34, resnet50
from plasmoscope.training.models.slim_resnet import slim_resnet
from plasmoscope.training.models.timm_network import timm_network
from plasmoscope.training.models.vgg19 import vgg19

MODELS: dict[str, Callable[..., nn.Module]] = {
    "basic_cnn": basic_cnn,
    "efficientnet_lite0": efficientnet_lite0,
    "mobilenet_residual": mobilenet_residual,
    "mobilenet_v2": mobilenet_v2,
    "plasmosenet": plasmosenet,
    "resnet34": resnet34,
    "resnet50": resnet50,
    "slim_resnet": slim_resnet,
    "vgg19": vgg19,
}
# "torchvision/densenet121" is that network as a feature extractor, "timm/convnext_atto" one of timm's.
_LIBRARIES: dict[str, Callable[..., nn.Module]] = {"torchvision": feature_extractor, "timm": timm_network}


class ArchitectureError(PlasmoscopeError):
    """There is no such network, or it does not take these options."""


def build_model(
    name: str, image_size: int, options: Mapping[str, float] | None = None, classes: int | None = None
) -> nn.Module:
    """A network with random weights.

    Args:
        name: a key of ``MODELS``, ``torchvision/NAME`` for a feature extractor, ``timm/NAME``, or
            ``package.module:function`` for a network of one's own.
        image_size: side of its input in pixels.
        options: of the network's own, such as ``dropout``.
        classes: how many classes of one's own there are; None for the two that ship.

    Raises:
        ArchitectureError: the message names the recipe's field.
    """
    options = dict(options or {})
    try:
        library, _, of_library = name.partition("/")
        if ":" in name and library not in _LIBRARIES:
            return own_network(name, image_size, options, classes)
        if classes is not None:
            options["classes"] = classes
        if library in _LIBRARIES:
            return _LIBRARIES[library](of_library, image_size, **options)
        if name not in MODELS:
            raise ArchitectureError(
                f"model: there is no '{name}'. Choose one of {', '.join(MODELS)}, torchvision/NAME, timm/NAME, or your "
                "own as package.module:function."
            )
        return MODELS[name](image_size=image_size, **options)
    except ValueError as error:
        raise ArchitectureError(f"model: {error}") from error
    except TypeError as error:
        raise ArchitectureError(f"model_options: {error}") from error
