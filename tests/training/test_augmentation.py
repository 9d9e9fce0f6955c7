import numpy as np
import pytest
import torch

from plasmoscope.training.augmentation import augment
from plasmoscope.training.recipe import Augmentation, load_recipe


@pytest.fixture
def images() -> torch.Tensor:
    return torch.rand(6, 3, 40, 40, generator=torch.Generator().manual_seed(0))


def generator(seed: int = 1) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_no_strength_changes_nothing(images: torch.Tensor) -> None:
    assert torch.allclose(augment(images, Augmentation(), 40, generator()), images, atol=1e-5)


def test_the_same_seed_gives_the_same_pictures_and_another_seed_others(images: torch.Tensor) -> None:
    settings = load_recipe("mobilenet_v2").augmentation
    first, second = (augment(images, settings, 32, generator(5)) for _ in range(2))
    assert torch.equal(first, second)
    assert not torch.equal(first, augment(images, settings, 32, generator(6)))
    assert first.shape == (6, 3, 32, 32)
    assert 0 <= float(first.min()) <= float(first.max()) <= 1


def test_every_image_draws_its_own_parameters(images: torch.Tensor) -> None:
    same = images[:1].repeat(6, 1, 1, 1)
    augmented = augment(same, Augmentation(rotation_degrees=180, brightness=0.3), 40, generator())
    assert all(not torch.equal(augmented[0], other) for other in augmented[1:])


def test_a_horizontal_flip_mirrors_the_columns(images: torch.Tensor) -> None:
    flipped = augment(images, Augmentation(horizontal_flip=True), 40, generator())
    kinds = {
        "kept"
        if torch.allclose(new, old, atol=1e-5)
        else "mirrored"
        if torch.allclose(new, old.flip(2), atol=1e-5)
        else "?"
        for new, old in zip(flipped, images, strict=True)
    }
    assert kinds == {"kept", "mirrored"}


def test_brightness_scales_all_channels_alike() -> None:
    grey = torch.full((4, 3, 8, 8), 0.4)
    bright = augment(grey, Augmentation(brightness=0.5), 8, generator())
    assert torch.allclose(bright, bright[:, :1, :1, :1].expand_as(bright), atol=1e-5)
    assert float(bright.std()) > 0.01


def test_a_hue_change_keeps_grey_grey() -> None:
    grey = torch.full((4, 3, 8, 8), 0.4)
    assert torch.allclose(augment(grey, Augmentation(hue=0.5), 8, generator()), grey, atol=2e-3)


def test_blur_keeps_the_mean_and_lessens_the_contrast(images: torch.Tensor) -> None:
    blurred = augment(images, Augmentation(blur_probability=1, blur_sigma=(1.0, 1.5)), 40, generator())
    assert torch.allclose(blurred.mean((2, 3)), images.mean((2, 3)), atol=0.01)
    assert torch.all(blurred.std((1, 2, 3)) < 0.5 * images.std((1, 2, 3)))


def test_erasing_blacks_out_a_rectangle_of_the_size_asked_for() -> None:
    white = torch.ones(200, 3, 50, 50)
    kept = augment(white, Augmentation(erasing_probability=1, erasing_area=(0.04, 0.05)), 50, generator())
    erased = kept < 0.5
    shares = erased[:, 0].float().mean((1, 2))
    assert 0.03 < float(shares.max()) < 0.06
    rows, columns = np.nonzero(erased[int(shares.argmax()), 0].numpy())
    assert (np.ptp(rows) + 1) * (np.ptp(columns) + 1) == len(rows)


def test_quarter_turns_move_pixels_without_changing_them(images: torch.Tensor) -> None:
    turned = augment(images, Augmentation(quarter_turns=True, horizontal_flip=True), 40, generator())
    for new, old in zip(turned, images, strict=True):
        ways = [torch.rot90(flipped, k, (1, 2)) for flipped in (old, old.flip(2)) for k in range(4)]
        assert min(float((new - way).abs().max()) for way in ways) < 1e-4
    assert not torch.allclose(turned, images, atol=1e-3)
