"""A network that somebody else wrote, by the place of the function that makes it: ``package.module:function``."""

import inspect
import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from unittest.mock import patch

import torch
from torch import nn


def own_network(place: str, image_size: int, options: Mapping[str, float], classes: int | None = None) -> nn.Module:
    """What ``function(image_size=..., **options)`` makes: a network from (n, 3, h, w) to one to three logits.

    The module is looked for in the current folder, too.

    Args:
        place: ``package.module:function``.
        image_size: side of its input in pixels.
        options: of the function's own.
        classes: how many classes of one's own there are, each with a logit: given to a function that takes
            ``classes``. None for the two that ship.

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
    told = {} if classes is None or not _takes(make, "classes") else {"classes": classes}
    network = make(image_size=image_size, **{**options, **told})
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
    if shape not in ({(2, 1), (2, 2), (2, 3)} if classes is None else {(2, classes)}):
        wanted = "one to three logits" if classes is None else f"{classes} logits"
        hint = "" if classes is None else ", one for each class; take the argument 'classes'"
        raise ValueError(f"{place} gives {shape or type(logits).__name__} for two pictures, not {wanted} each{hint}")
    return network.train()


def _takes(function: Callable[..., object], name: str) -> bool:
    """Whether it has an argument of this name, or takes any."""
    try:
        parameters = inspect.signature(function).parameters
    except (TypeError, ValueError):
        return False
    return name in parameters or any(one.kind is one.VAR_KEYWORD for one in parameters.values())
