"""What ONNX Runtime computes on: a processor, or an accelerator that one of its packages brings."""

import os
from dataclasses import dataclass

from plasmoscope.errors import PlasmoscopeError

VARIABLE = "PLASMOSCOPE_PROVIDER"
"""Names the provider for this process and those that it begins, as ``--provider`` does."""
CPU = "cpu"


class ProviderError(PlasmoscopeError):
    """The execution provider that was asked for is not there."""


@dataclass(frozen=True)
class _Provider:
    onnxruntime: str
    """Its name in ONNX Runtime."""
    package: str
    """The package of ONNX Runtime that brings it."""


PROVIDERS = {
    CPU: _Provider("CPUExecutionProvider", "onnxruntime"),
    "cuda": _Provider("CUDAExecutionProvider", "onnxruntime-gpu"),
    "tensorrt": _Provider("TensorrtExecutionProvider", "onnxruntime-gpu"),
    "migraphx": _Provider("MIGraphXExecutionProvider", "onnxruntime-migraphx"),
    "openvino": _Provider("OpenVINOExecutionProvider", "onnxruntime-openvino"),
    "directml": _Provider("DmlExecutionProvider", "onnxruntime-directml"),
    "coreml": _Provider("CoreMLExecutionProvider", "onnxruntime, on a Mac"),
}


def chosen_provider() -> str:
    """The name of the provider that networks run on: a key of ``PROVIDERS``."""
    return os.environ.get(VARIABLE, "") or CPU


def choose_provider(name: str) -> None:
    """Let networks of this process, and of those that it begins, run on a provider.

    Raises:
        ProviderError: there is no such one here; the message names the package to install and those that are there.
    """
    _onnxruntime_name(name)
    os.environ[VARIABLE] = name


def onnxruntime_providers() -> list[str]:
    """The chosen provider as ONNX Runtime names it, and the processor for what that one cannot do.

    Raises:
        ProviderError: as ``choose_provider``.
    """
    chosen = _onnxruntime_name(chosen_provider())
    return list(dict.fromkeys([chosen, PROVIDERS[CPU].onnxruntime]))


def _onnxruntime_name(name: str) -> str:
    import onnxruntime

    available = onnxruntime.get_available_providers()
    there = ", ".join(known for known, provider in PROVIDERS.items() if provider.onnxruntime in available)
    if name not in PROVIDERS:
        raise ProviderError(f"'{name}' is no execution provider: {', '.join(PROVIDERS)}. There are here: {there}.")
    wanted = PROVIDERS[name]
    if wanted.onnxruntime not in available:
        raise ProviderError(
            f"This installation of ONNX Runtime cannot compute on '{name}'; there are here: {there}. Install "
            f"{wanted.package} in place of the ONNX Runtime that is installed."
        )
    return wanted.onnxruntime
