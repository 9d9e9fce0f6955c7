"""Any image network of timm (Wightman 2019, doi:10.5281/zenodo.4414861) under a head of its own."""

from collections import OrderedDict
from typing import Any

import torch
from torch import Tensor, nn

from plasmoscope.extras import require_extra

EXTRA = "timm"


def timm_network(name: str, image_size: int, classes: float = 2, dropout: float = 0.0) -> nn.Module:
    """A timm network without its last layer, under a linear head; (n, 3, h, w) to (n, classes) logits.

    Args:
        name: as ``timm.list_models`` names it, such as ``convnext_atto`` or ``vit_tiny_patch16_224``.
        image_size: side of the input in pixels.
        classes: logits: one for each class of one's own, or 1 to 3, as ``plasmoscope.labels.log_odds`` takes them.
        dropout: probability before the head.

    Raises:
        ValueError: timm has no such network, or it cannot take this size.
        MissingExtraError: timm is not installed.
    """
    require_extra(EXTRA, f"The network timm/{name}")
    import timm

    if not timm.is_model(name):
        raise ValueError(f"timm has no network '{name}'")
    config = timm.get_pretrained_cfg(name, allow_unregistered=True)
    # Networks that cut the picture into patches are built for one size.
    size: dict[str, Any] = {"img_size": image_size} if config is not None and config.fixed_input_size else {}
    try:
        network = timm.create_model(name, pretrained=False, num_classes=0, **size)
        with torch.no_grad():
            features = network.eval()(torch.zeros(1, 3, image_size, image_size))
    except (RuntimeError, AssertionError) as error:
        raise ValueError(f"{name} cannot take pictures of {image_size} px: {error}") from error
    network.train()
    head = nn.Sequential(nn.Dropout(dropout), nn.Linear(features.shape[1], int(classes)))
    return nn.Sequential(OrderedDict(backbone=network, head=head))


def timm_weights(name: str) -> dict[str, Tensor]:
    """The weights that timm offers for a network, downloaded on first use.

    Raises:
        RuntimeError, OSError: there are none, or they cannot be had.
        MissingExtraError: timm is not installed.
    """
    require_extra(EXTRA, f"The network timm/{name}")
    import timm

    weights: dict[str, Tensor] = timm.create_model(name, pretrained=True, num_classes=0).state_dict()
    return weights
