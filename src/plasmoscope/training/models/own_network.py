"""A network that somebody else wrote, by the place of the function that makes it: ``package.module:function``."""

import sys
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from unittest.mock import patch

import torch
from torch import nn


def own_network(place: str, image_size: int, options: Mapping[str, float]) -> nn.Module:
    """What ``function(image_size=..., **options)`` makes: a network from (n, 3, h, w) to one to three logits.

    The module is looked for in the current folder, too.

    Raises:
        ValueError: it is not there, fails, or gives something else.
        TypeError: it does not take these options.
    """
    module_name, _, name = place.partition(":")
    try:
        with patch.object(sys, "path", [str(Path.cwd()), *sys.path]):
            make = getattr(import_module(module_name), name)
    except ImportError as error:
        raise ValueError(f"the module '{module_name}' cannot be loaded: {error}") from error
    except AttributeError as error:
        raise ValueError(f"there is no '{name}' in {module_name}") from error
    network = make(image_size=image_size, **options)
    if not isinstance(network, nn.Module):
        raise ValueError(f"{place} gives no torch.nn.Module but {type(network).__name__}")
    if not [*network.named_children()]:
        raise ValueError(f"{place} gives a network without parts; its last one is taken for its head")
    try:
        with torch.no_grad():
            logits = network.eval()(torch.zeros(2, 3, image_size, image_size))
    except (RuntimeError, ValueError, AssertionError) as error:
        raise ValueError(f"{place} cannot take pictures of {image_size} px: {error}") from error
    shape = tuple(getattr(logits, "shape", ()))
    if shape not in {(2, 1), (2, 2), (2, 3)}:
        raise ValueError(
            f"{place} gives {shape or type(logits).__name__} for two pictures, not one to three logits each"
        )
    return network.train()
