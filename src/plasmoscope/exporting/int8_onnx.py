"""An ONNX graph with 8-bit weights and activations (Jacob et al. 2018, arXiv:1712.05877), its ranges calibrated."""

import logging
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnxruntime.quantization import CalibrationDataReader, CalibrationMethod, QuantFormat, QuantType, quantize_static

from plasmoscope.classification.classifier import OUTPUTS
from plasmoscope.exporting.running import Cells, Runner, in_batches
from plasmoscope.networks import open_session

# How ranges of activations are found; each is tried. The percentile is of the values that stay within the range.
_METHODS = {
    "smallest and largest value": (CalibrationMethod.MinMax, {}),
    "99.99th percentile": (CalibrationMethod.Percentile, {"CalibPercentile": 99.99}),
    "entropy": (CalibrationMethod.Entropy, {}),
}
# Cells of a run, whose activations lie in memory together.
_AT_ONCE = 16


class _Calibration(CalibrationDataReader):  # type: ignore[misc] # ONNX Runtime has no types
    """Cells by the batch."""

    def __init__(self, pixels: str, cells: Cells) -> None:
        # ONNX Runtime takes only batches of one size.
        starts = range(0, len(cells) - _AT_ONCE + 1, _AT_ONCE)
        self._batches = iter([{pixels: cells[start : start + _AT_ONCE]} for start in starts])

    def get_next(self) -> dict[str, Cells] | None:
        """The next batch, or None."""
        return next(self._batches, None)


def int8_graph(network: bytes, calibration: Cells, aside: Cells) -> tuple[bytes, str]:
    """Quantise a graph in each way, and keep the one that says most nearly what the graph itself says.

    Weights have a scale for each channel. The first convolution and the last layer stay as they are: they are small,
    and most of what a network loses by 8 bits it loses there.

    Args:
        network: an ONNX graph of uint8 RGB cells.
        calibration: training cells that the ranges are taken from, uint8 RGB (n, size, size, 3).
        aside: other training cells, on which the ways are compared; no label is looked at.

    Returns:
        The graph, and how its ranges were found.
    """
    graph = onnx.load_model_from_string(network)
    layers = [node.name for node in graph.graph.node if node.op_type in ("Conv", "Gemm")]
    kept = [layers[0], layers[-1]]
    said = in_batches(_runner(network), aside)
    best: tuple[float, bytes, str] | None = None
    with tempfile.TemporaryDirectory() as folder, _only_errors():
        source, made = Path(folder) / "source.onnx", Path(folder) / "int8.onnx"
        source.write_bytes(network)
        for name, (method, options) in _METHODS.items():
            quantize_static(
                source,
                made,
                _Calibration(graph.graph.input[0].name, calibration),
                quant_format=QuantFormat.QDQ,
                per_channel=True,
                activation_type=QuantType.QUInt8,
                weight_type=QuantType.QInt8,
                calibrate_method=method,
                op_types_to_quantize=["Conv", "Gemm", "Add"],
                nodes_to_exclude=kept,
                extra_options=options,
            )
            quantised = made.read_bytes()
            off = float(np.abs(in_batches(_runner(quantised), aside) - said).mean())
            if best is None or off < best[0]:
                best = off, quantised, name
    assert best is not None
    return best[1], best[2]


@contextmanager
def _only_errors() -> Iterator[None]:
    """ONNX Runtime advises, in everybody's log, to prepare graphs that come from elsewhere."""
    log = logging.getLogger()
    before = log.level
    log.setLevel(logging.ERROR)
    try:
        yield
    finally:
        log.setLevel(before)


def _runner(network: bytes) -> Runner:
    session = open_session(network, "int8", 1)
    pixels = session.get_inputs()[0].name

    def run(cells: Cells) -> NDArray[np.float32]:
        return np.asarray(session.run([OUTPUTS[0]], {pixels: cells})[0])

    return run
