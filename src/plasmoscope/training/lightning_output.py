"""Lightning as a part of a command: without its advertisements, and ended by Ctrl-C like every other part."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

_NOISE = (
    # More loading workers, and rarer logging: cached cells need neither.
    r".*does not have many workers.*",
    r".*smaller than the logging interval.*",
    r".*Checkpoint directory .* exists and is not empty.*",
    # Between Lightning and torch.
    r".*LeafSpec.* is deprecated.*",
    # Between TensorBoard's writer and torch.
    r".*`torch.jit.trace.*` is deprecated.*",
    # A training that diverged says so itself.
    r".*Encountered `nan` values.*",
)
_NEWS = ("Tip:", "`weights_only` was not set")


@contextmanager
def quiet_lightning() -> Iterator[None]:
    """Keep from the terminal what no user can act on; Ctrl-C stays a KeyboardInterrupt."""
    handlers = logging.getLogger("lightning.pytorch").handlers
    for handler in handlers:
        handler.addFilter(_is_news)
    try:
        with warnings.catch_warnings():
            for message in _NOISE:
                warnings.filterwarnings("ignore", message=message)
            yield
    except SystemExit as ended:
        raise KeyboardInterrupt from ended
    finally:
        for handler in handlers:
            handler.removeFilter(_is_news)


def _is_news(record: logging.LogRecord) -> bool:
    return not any(words in record.getMessage() for words in _NEWS)
