"""Among how many threads work that can be parted is parted."""

import os


def usable_threads() -> int:
    """As many as ``OMP_NUM_THREADS`` says, which PyTorch and NumPy obey as well; else one for each processor."""
    asked = os.environ.get("OMP_NUM_THREADS", "")
    return int(asked) if asked.isdecimal() and int(asked) else os.cpu_count() or 1
