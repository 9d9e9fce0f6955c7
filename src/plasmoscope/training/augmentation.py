"""Random augmentation of whole batches, on whatever device the batch lives on.

Every image in a batch draws its own parameters. All geometry is composed into one affine resampling and
all colour changes into one 3x4 matrix, so an image is interpolated once however many steps a recipe asks for.
"""

import math

import torch
from torch import Tensor
from torch.nn import functional

from plasmoscope.training.recipe import Augmentation

# ITU-R BT.601 luma, as used by torchvision's colour transforms.
LUMA = (0.299, 0.587, 0.114)
# RGB -> YIQ; a hue change is a rotation in its I-Q plane.
RGB_TO_YIQ = ((0.299, 0.587, 0.114), (0.596, -0.274, -0.322), (0.211, -0.523, 0.312))


def augment(images: Tensor, settings: Augmentation, size: int, generator: torch.Generator) -> Tensor:
    """Augment a batch.

    Args:
        images: float32 RGB batch in [0, 1], shape (n, 3, h, w); h and w may exceed ``size``.
        settings: strengths; a zero strength switches a step off.
        size: side of the square output in pixels.
        generator: source of all randomness, on the device of ``images``.

    Returns:
        float32 batch in [0, 1], shape (n, 3, size, size).
    """
    images = _resample(images, _affine_matrices(len(images), settings, images.device, generator), size, settings)
    images = _change_stain(images, settings, generator)
    images = _change_colour(images, settings, generator)
    images = _lower_resolution(images, settings, generator)
    images = _blur(images, settings, generator)
    images = _add_noise(images, settings, generator)
    return _erase(images, settings, generator)


def _uniform(n: int, low: float, high: float, device: torch.device, generator: torch.Generator) -> Tensor:
    return torch.rand(n, device=device, generator=generator) * (high - low) + low


def _signs(n: int, enabled: bool, device: torch.device, generator: torch.Generator) -> Tensor:
    """-1 with probability one half where ``enabled``, else 1; shape (n,)."""
    draws = torch.rand(n, device=device, generator=generator)
    return torch.where(draws < 0.5, -1.0, 1.0) if enabled else torch.ones_like(draws)


def _affine_matrices(n: int, settings: Augmentation, device: torch.device, generator: torch.Generator) -> Tensor:
    """Output-to-input sampling matrices in normalised coordinates, shape (n, 2, 3)."""
    angle = math.radians(settings.rotation_degrees) * _uniform(n, -1, 1, device, generator)
    if settings.quarter_turns:
        angle = angle + math.pi / 2 * torch.randint(4, (n,), device=device, generator=generator)
    shear = math.tan(math.radians(settings.shear_degrees)) * _uniform(n, -1, 1, device, generator)
    # A crop of area fraction a and aspect r samples sqrt(a r) of the width and sqrt(a / r) of the height,
    # somewhere inside the picture (Szegedy et al. 2015; torchvision RandomResizedCrop).
    area = _uniform(n, *settings.crop_area, device, generator)
    aspect = torch.exp(math.log(settings.crop_aspect) * _uniform(n, -1, 1, device, generator))
    width, height = (area * aspect).sqrt(), (area / aspect).sqrt()
    zoom = 1 + settings.zoom * _uniform(n, -1, 1, device, generator)
    slack_x, slack_y = (1 - width).clamp(min=0), (1 - height).clamp(min=0)
    shift_x = slack_x * _uniform(n, -1, 1, device, generator)
    shift_y = slack_y * _uniform(n, -1, 1, device, generator)
    # A shift of a fraction f of the side is 2 f in coordinates that run from -1 to 1.
    shift_x = shift_x + 2 * settings.shift * _uniform(n, -1, 1, device, generator)
    shift_y = shift_y + 2 * settings.shift * _uniform(n, -1, 1, device, generator)
    flip_x = _signs(n, settings.horizontal_flip, device, generator)
    flip_y = _signs(n, settings.vertical_flip, device, generator)
    cos, sin = angle.cos(), angle.sin()
    scale_x, scale_y = width * zoom * flip_x, height * zoom * flip_y
    row_x = torch.stack([cos * scale_x, (cos * shear - sin) * scale_y, shift_x], dim=1)
    row_y = torch.stack([sin * scale_x, (sin * shear + cos) * scale_y, shift_y], dim=1)
    return torch.stack([row_x, row_y], dim=1)


def _resample(images: Tensor, matrices: Tensor, size: int, settings: Augmentation) -> Tensor:
    grid = functional.affine_grid(matrices, [len(images), 3, size, size], align_corners=False)
    return functional.grid_sample(images, grid, mode="bilinear", padding_mode=settings.fill, align_corners=False)


def _change_stain(images: Tensor, settings: Augmentation, generator: torch.Generator) -> Tensor:
    """Scale what each channel absorbs: a power of the light that passes (Beer and Lambert). Black stays black."""
    if settings.absorbance == 0:
        return images
    n, device = len(images), images.device
    alike = torch.randn(n, 1, device=device, generator=generator)
    apart = torch.randn(n, 3, device=device, generator=generator)
    power = torch.exp(settings.absorbance * (alike + apart) / math.sqrt(2))
    # What passes where there is no cell stays: the brightest that a smear shows.
    clear = images.flatten(2).amax(dim=2).clamp(min=0.1)[:, :, None, None]
    return clear * (images / clear) ** power[:, :, None, None]


def _lower_resolution(images: Tensor, settings: Augmentation, generator: torch.Generator) -> Tensor:
    """Shrink some images to between a quarter and the whole of their side, and enlarge them again."""
    if settings.low_resolution_probability == 0:
        return images
    n, device = len(images), images.device
    chosen = torch.rand(n, device=device, generator=generator) < settings.low_resolution_probability
    side = images.shape[-1]
    # One size a batch, another in the next.
    small = int(side * float(_uniform(1, 0.25, 1, device, generator)))
    fewer = functional.interpolate(images[chosen], size=max(8, small), mode="area")
    images = images.clone()
    images[chosen] = functional.interpolate(fewer, size=side, mode="bilinear", align_corners=False)
    return images


def _add_noise(images: Tensor, settings: Augmentation, generator: torch.Generator) -> Tensor:
    """Gaussian noise of a strength of its own in each image, but not on the black around a cell."""
    if settings.noise == 0:
        return images
    strength = _uniform(len(images), 0, settings.noise, images.device, generator)[:, None, None, None]
    noise = torch.randn(images.shape, device=images.device, generator=generator) * strength
    return torch.where(images > 0.02, (images + noise).clamp(0, 1), images)


def _change_colour(images: Tensor, settings: Augmentation, generator: torch.Generator) -> Tensor:
    """Brightness, contrast, saturation and hue as one linear map per image (Haeberli 1993)."""
    n, device = len(images), images.device
    brightness = 1 + settings.brightness * _uniform(n, -1, 1, device, generator)
    contrast = 1 + settings.contrast * _uniform(n, -1, 1, device, generator)
    saturation = 1 + settings.saturation * _uniform(n, -1, 1, device, generator)
    hue = 2 * math.pi * settings.hue * _uniform(n, -1, 1, device, generator)
    luma = torch.tensor(LUMA, device=device)
    to_yiq = torch.tensor(RGB_TO_YIQ, device=device)
    rotation = torch.zeros(n, 3, 3, device=device)
    rotation[:, 0, 0] = 1
    rotation[:, 1, 1] = rotation[:, 2, 2] = hue.cos()
    rotation[:, 1, 2], rotation[:, 2, 1] = -hue.sin(), hue.sin()
    matrix = torch.linalg.inv(to_yiq) @ rotation @ to_yiq
    grey = luma.expand(3, 3)
    matrix = (saturation[:, None, None] * torch.eye(3, device=device) + (1 - saturation)[:, None, None] * grey) @ matrix
    matrix = (brightness * contrast)[:, None, None] * matrix
    mean_luma = torch.einsum("nchw,c->n", images, luma) / images[0, 0].numel() * brightness
    offset = ((1 - contrast) * mean_luma)[:, None].expand(n, 3)
    changed = torch.einsum("ncd,ndhw->nchw", matrix, images) + offset[:, :, None, None]
    return changed.clamp(0, 1)


def _blur(images: Tensor, settings: Augmentation, generator: torch.Generator) -> Tensor:
    """Gaussian blur of a random half-width, each image with its own sigma."""
    if settings.blur_probability == 0:
        return images
    n, device = len(images), images.device
    sigma = _uniform(n, *settings.blur_sigma, device, generator)
    chosen = torch.rand(n, device=device, generator=generator) < settings.blur_probability
    radius = max(1, math.ceil(2 * settings.blur_sigma[1]))
    offsets = torch.arange(-radius, radius + 1, device=device, dtype=torch.float32)
    kernel = torch.exp(-(offsets**2) / (2 * sigma[:, None] ** 2))
    kernel = torch.where(chosen[:, None], kernel, (offsets == 0).float())
    kernel = (kernel / kernel.sum(dim=1, keepdim=True)).repeat_interleave(3, dim=0)
    # One group per image and channel lets a single convolution apply a different kernel to each.
    flat = images.reshape(1, n * 3, *images.shape[2:])
    flat = functional.pad(flat, [radius] * 4, mode="reflect")
    flat = functional.conv2d(flat, kernel[:, None, None, :], groups=n * 3)
    flat = functional.conv2d(flat, kernel[:, None, :, None], groups=n * 3)
    return flat.reshape(images.shape)


def _erase(images: Tensor, settings: Augmentation, generator: torch.Generator) -> Tensor:
    """Black out one random rectangle in some images (Zhong et al. 2020)."""
    if settings.erasing_probability == 0:
        return images
    n, _, height, width = images.shape
    device = images.device
    area = _uniform(n, *settings.erasing_area, device, generator)
    aspect = torch.exp(math.log(3.3) * _uniform(n, -1, 1, device, generator))
    half_h, half_w = (area * aspect).sqrt() / 2, (area / aspect).sqrt() / 2
    centre_y = _uniform(n, 0, 1, device, generator)
    centre_x = _uniform(n, 0, 1, device, generator)
    chosen = torch.rand(n, device=device, generator=generator) < settings.erasing_probability
    ys = (torch.arange(height, device=device) + 0.5) / height
    xs = (torch.arange(width, device=device) + 0.5) / width
    inside_y = (ys[None] - centre_y[:, None]).abs() < half_h[:, None]
    inside_x = (xs[None] - centre_x[:, None]).abs() < half_w[:, None]
    erased = inside_y[:, :, None] & inside_x[:, None, :] & chosen[:, None, None]
    return images.masked_fill(erased[:, None], 0.0)
