"""Classification heads that several published systems share."""

import torch
from torch import Tensor, nn


def dense_head(inputs: int, dropout: float, logits: int = 1) -> nn.Sequential:
    """Two dense layers of 512 with ReLU and dropout, then one logit or more (the opensource.com articles)."""
    return nn.Sequential(
        nn.Linear(inputs, 512),
        nn.ReLU(),
        nn.Dropout(dropout),
        nn.Linear(512, 512),
        nn.ReLU(),
        nn.Dropout(dropout),
        nn.Linear(512, logits),
    )


class ConcatPool(nn.Module):
    """Global average and maximum side by side: (n, c, h, w) to (n, 2 c)."""

    def forward(self, features: Tensor) -> Tensor:
        """Pool."""
        return torch.cat([features.mean(dim=(2, 3)), features.amax(dim=(2, 3))], dim=1)


def concat_pool_head(channels: int, classes: int = 2) -> nn.Sequential:
    """fast.ai's head (Howard & Gugger 2020, doi:10.3390/info11020108)."""
    return nn.Sequential(
        ConcatPool(),
        nn.BatchNorm1d(2 * channels),
        nn.Dropout(0.25),
        nn.Linear(2 * channels, 512),
        nn.ReLU(),
        nn.BatchNorm1d(512),
        nn.Dropout(0.5),
        nn.Linear(512, classes),
    )
