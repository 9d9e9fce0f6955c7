"""Taking in published weights."""

from pathlib import Path

from plasmoscope.classification.card import ModelCard, Preprocessing, TrainingData
from plasmoscope.training.export import export_model
from plasmoscope.training.models import MODELS
from plasmoscope.training.weights import WeightsError, read_weights

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


def convert_mobilenet_v2(weights: Path, file: Path, image_size: int = 224) -> ModelCard:
    """Export a two-class MobileNetV2 state dict under torchvision's names, index 0 being Parasitized.

    Raises:
        WeightsError: not a state dict, a pickle with code in it, or names or shapes that do not fit.
    """
    state = read_weights(weights)
    model = MODELS["mobilenet_v2"]()
    try:
        model.load_state_dict(state)
    except RuntimeError as error:
        raise WeightsError(
            f"{weights} is not a two-class MobileNetV2 under torchvision's names "
            f"(features.*, classifier.1 with 2 outputs): {error}"
        ) from error
    return export_model(
        model,
        file,
        name=weights.stem,
        architecture="mobilenet_v2",
        recipe="converted",
        preprocessing=Preprocessing(image_size=image_size, mean=IMAGENET_MEAN, std=IMAGENET_STD),
        data=TrainingData(dataset="unknown: weights converted from a file", split="unknown"),
    )
