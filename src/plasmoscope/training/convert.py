"""Taking in published weights."""

from pathlib import Path

from plasmoscope.classification.card import UNKNOWN_SPLIT, ModelCard, Preprocessing, TrainingData
from plasmoscope.errors import PlasmoscopeError
from plasmoscope.networks import card_path, save_network
from plasmoscope.training.export import export_network
from plasmoscope.training.models import build_model
from plasmoscope.training.weights import WeightsError, read_weights

# Of ImageNet's pixels, RGB, 0 to 1, as torchvision's weights expect them.
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


def convert_mobilenet_v2(weights: Path, file: Path, image_size: int = 224) -> ModelCard:
    """Export a two-class MobileNetV2 state dict under torchvision's names, index 0 being Parasitized.

    Raises:
        PlasmoscopeError: ``file`` is not named ``.onnx`` or exists already.
        WeightsError: not a state dict, a pickle with code in it, or names or shapes that do not fit.
    """
    if file.suffix != ".onnx":
        raise PlasmoscopeError(f"The model is written as ONNX; give --output a name ending in .onnx, not {file.name}.")
    if file.exists() or card_path(file).exists():
        raise PlasmoscopeError(f"{file} or its card {card_path(file).name} exists already; give another --output.")
    state = read_weights(weights)
    model = build_model("mobilenet_v2", image_size)
    try:
        model.load_state_dict(state)
    except RuntimeError as error:
        raise WeightsError(
            f"{weights} is not a two-class MobileNetV2 under torchvision's names "
            f"(features.*, classifier.1 with 2 outputs): {error}"
        ) from error
    preprocessing = Preprocessing(image_size=image_size, mean=IMAGENET_MEAN, std=IMAGENET_STD)
    network = export_network(model, preprocessing)
    card = ModelCard.of(
        network,
        name=weights.stem,
        architecture="mobilenet_v2",
        recipe="converted",
        preprocessing=preprocessing,
        data=TrainingData(dataset="unknown: weights converted from a file", split=UNKNOWN_SPLIT),
    )
    save_network(file, network, card)
    return card
