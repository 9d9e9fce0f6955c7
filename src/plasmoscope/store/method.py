"""How a field was analysed: program, model and calling."""

from pydantic import BaseModel, ConfigDict

from plasmoscope import __version__
from plasmoscope.analysis.analyze import Calling, known_errors
from plasmoscope.analysis.counting import Errors
from plasmoscope.classification.classifier import Classifier


class Method(BaseModel):
    """Kept with every result, so that a slide can be counted and reported without its model at hand."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    plasmoscope: str
    model: str
    model_sha256: str
    threshold: float
    views: int
    errors: Errors | None
    """Of the classifier at this threshold; None where they were never measured."""

    @classmethod
    def of(cls, classifier: Classifier, how: Calling) -> "Method":
        """What this program does with a classifier and a way of calling."""
        return cls(
            plasmoscope=__version__,
            model=classifier.card.name,
            model_sha256=classifier.card.sha256,
            threshold=how.threshold,
            views=how.views,
            errors=known_errors(classifier, how),
        )
