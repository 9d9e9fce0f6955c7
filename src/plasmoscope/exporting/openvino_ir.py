"""OpenVINO's own form of a network, for processors of the x86 kind: an .xml with its weights beside it (.bin)."""

import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from plasmoscope.exporting.running import Cells, Runner, in_batches

# NNCF would report each use to its makers.
os.environ.setdefault("NNCF_CI", "1")

_FLOAT = "32-bit numbers"


def save_openvino(network: bytes, file: Path) -> str:
    """Write ``file``, an .xml, and the .bin beside it, and say how.

    Args:
        network: an ONNX graph of uint8 RGB cells.
        file: the .xml.
    """
    import openvino

    openvino.save_model(_read(network), file, compress_to_fp16=False)
    return _FLOAT


def save_openvino_int8(network: bytes, file: Path, calibration: Cells, aside: Cells) -> str:
    """Like ``save_openvino``, with 8-bit weights and activations: all layers, or all but the first and the last.

    Biases are corrected for what rounding shifts (NNCF). That way is kept which says most nearly what the graph says.

    Args:
        network: an ONNX graph of uint8 RGB cells.
        file: the .xml.
        calibration: training cells that ranges are taken from, uint8 RGB (n, size, size, 3).
        aside: other training cells, on which the two ways are compared; no label is looked at.
    """
    import nncf
    import openvino

    said = in_batches(_compiled(_read(network), 1), aside)
    one_by_one = [calibration[index : index + 1] for index in range(len(calibration))]
    ways = {}
    for name, ignored in {"all layers": [], "all but the first and the last layer": _ends(_read(network))}.items():
        model = nncf.quantize(
            _read(network),
            nncf.Dataset(one_by_one),
            preset=nncf.QuantizationPreset.MIXED,
            subset_size=len(one_by_one),
            ignored_scope=nncf.IgnoredScope(names=ignored),
        )
        off = float(np.abs(in_batches(_compiled(model, 1), aside) - said).mean())
        ways[off] = name, model
    name, model = ways[min(ways)]
    openvino.save_model(model, file, compress_to_fp16=False)
    return (
        f"8 bits by NNCF in {name}, ranges and biases by {len(calibration)} training cells, chosen on {len(aside)} "
        "others without their labels"
    )


def open_openvino(file: Path, threads: int) -> Runner:
    """A network that was saved here, on the processor, with the same numbers on each of its kind."""
    return _compiled(file, threads)


def _read(network: bytes) -> Any:
    """What ``openvino.convert_model`` gives, without its report of each use to its makers."""
    import openvino
    from openvino._offline_transformations import apply_moc_transformations

    model = openvino.Core().read_model(network)
    # Without it biases stay apart from their convolutions, and 8 bits gain half as much speed.
    apply_moc_transformations(model, cf=True)
    return model


def _ends(model: Any) -> list[str]:
    """Names of the first and the last layer."""
    layers = [node for node in model.get_ordered_ops() if node.get_type_name() in ("Convolution", "MatMul")]
    return [layers[0].get_friendly_name(), layers[-1].get_friendly_name()]


def _compiled(model: Any, threads: int) -> Runner:
    import openvino

    settings = {
        "INFERENCE_NUM_THREADS": threads,
        "PERFORMANCE_HINT": "LATENCY",
        # Left alone, it computes in bfloat16 where the processor can, and is off by a tenth.
        "INFERENCE_PRECISION_HINT": "f32",
    }
    compiled = openvino.Core().compile_model(model, "CPU", settings)

    def run(cells: Cells) -> NDArray[np.float32]:
        return np.asarray(compiled(cells)[0], np.float32)

    return run
