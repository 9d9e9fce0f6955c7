"""TFLite, for Android and small devices: raw pixels of one cell in, logits out, as in the ONNX graph."""

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from plasmoscope.classification.card import ModelCard
from plasmoscope.exporting.running import Runner
from plasmoscope.exporting.torch_program import torch_network
from plasmoscope.files import whole_file


def save_tflite(network: bytes, card: ModelCard, file: Path) -> None:
    """Write ``file``; its input is uint8 RGB (1, size, size, 3), normalised within."""
    import litert_torch

    size = card.preprocessing.image_size
    example = torch.zeros(1, size, size, 3, dtype=torch.uint8)
    converted = litert_torch.convert(torch_network(network, card), (example,))
    with whole_file(file) as unfinished:
        converted.export(str(unfinished))


def open_tflite(file: Path, threads: int) -> Runner:
    """A TFLite file in the runtime that telephones have, cell by cell."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_path=str(file), num_threads=threads)
    interpreter.allocate_tensors()
    pixels, logits = interpreter.get_input_details()[0]["index"], interpreter.get_output_details()[0]["index"]

    def run(cells: NDArray[np.uint8]) -> NDArray[np.float32]:
        said = []
        for cell in cells:
            interpreter.set_tensor(pixels, cell[None])
            interpreter.invoke()
            said.append(np.array(interpreter.get_tensor(logits)[0], np.float32))
        return np.stack(said)

    return run
