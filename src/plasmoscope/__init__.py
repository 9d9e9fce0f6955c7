"""Plasmoscope finds malaria parasites in Giemsa-stained thin blood smears. For research; not a medical device."""

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"
__all__ = [
    "Classifier",
    "PlasmoscopeError",
    "SlideOptions",
    "__version__",
    "analyze_field",
    "analyze_slide",
    "read_performance",
]

if TYPE_CHECKING:
    from plasmoscope.analysis.analyze import SlideOptions, analyze_field, analyze_slide
    from plasmoscope.analysis.performance import read_performance
    from plasmoscope.classification.classifier import Classifier
    from plasmoscope.errors import PlasmoscopeError

# As it is imported, ONNX Runtime marks the machine in the user's home and begins to report to its makers, unless told
# not to. Nothing leaves the machine, from here or from processes begun here; a user who set this has decided.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

# Loaded on first use, so that `import plasmoscope` and `plasmoscope --help` stay quick.
_HOMES = {
    "Classifier": "plasmoscope.classification.classifier",
    "PlasmoscopeError": "plasmoscope.errors",
    "SlideOptions": "plasmoscope.analysis.analyze",
    "analyze_field": "plasmoscope.analysis.analyze",
    "analyze_slide": "plasmoscope.analysis.analyze",
    "read_performance": "plasmoscope.analysis.performance",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'plasmoscope' has no attribute '{name}'")
