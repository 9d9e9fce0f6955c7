"""How fields are analysed: by which program and model, and how the model's answers become calls."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, model_validator

from plasmoscope import __version__
from plasmoscope.analysis.performance import Performance
from plasmoscope.classification.profile import Profile, UsedProfile
from plasmoscope.errors import PlasmoscopeError
from plasmoscope.providers import CPU, chosen_provider

if TYPE_CHECKING:
    # Whoever reads the records needs no network.
    from plasmoscope.classification.classifier import Classifier

# Views of each cell in a count by a model whose card names none. Set by hand: the most there are.
_DEFAULT_VIEWS = 8


class AnalysisError(PlasmoscopeError):
    """A slide cannot be analysed."""


@dataclass(frozen=True)
class Calling:
    """How cells are called."""

    threshold: float
    views: int
    silence: float | None = None
    """P(not a cell) from which nothing is called; None where the model is never silent."""
    screening: float | None = None
    """As ``Slide.screening``."""
    profile: UsedProfile | None = None
    """Of the laboratory, under which the classifier calls; None where it calls as it ships."""


def calling(classifier: "Classifier", threshold: float | None = None, views: int | None = None) -> Calling:
    """What is asked for, with the profile's or the model's own values for counting where nothing is.

    Raises:
        AnalysisError: a threshold that is no probability.
    """
    card, profile = classifier.card, classifier.profile
    own_threshold = profile.threshold if profile else card.counting_threshold
    own_views = card.counting.views if card.counting else _DEFAULT_VIEWS
    if threshold is not None and not 0 <= threshold <= 1:
        raise AnalysisError(f"A threshold is a probability from 0 to 1, not {threshold}.")
    return Calling(
        own_threshold if threshold is None else threshold,
        views or own_views,
        card.silence_threshold,
        card.screening_threshold,
        profile.used if profile else None,
    )


class Method(BaseModel):
    """Kept with every result, so that a slide can be counted and reported without its model at hand."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    plasmoscope: str
    model: str
    model_sha256: str
    threshold: float
    views: int
    silence: float | None = None
    """As ``Slide.silence``."""
    screening: float | None = None
    """As ``Slide.screening``."""
    infected_from: str = ""
    """As ``Slide.infected_from``."""
    provider: str = CPU
    """As ``Slide.provider``."""
    profile: UsedProfile | None = None
    """Of the laboratory, under which cells were called."""
    performance: Performance | None = None
    """Measured on this laboratory's slides for this way of calling; None where it was not, when the field was analysed.
    """

    @model_validator(mode="before")
    @classmethod
    def _without_errors_elsewhere(cls, given: Any) -> Any:
        # Earlier versions kept the model's errors on the NIH's cells here, which hold for no other slides.
        return {name: value for name, value in given.items() if name != "errors"} if isinstance(given, dict) else given

    @classmethod
    def of(cls, classifier: "Classifier", how: Calling) -> "Method":
        """What this program does with a classifier and a way of calling."""
        return cls(
            plasmoscope=__version__,
            model=classifier.card.name,
            model_sha256=classifier.card.sha256,
            threshold=how.threshold,
            views=how.views,
            silence=how.silence,
            screening=how.screening,
            infected_from=classifier.card.data.infected_from,
            provider=chosen_provider(),
            profile=how.profile,
        )

    def under(self, profile: Profile | None) -> "Method":
        """The same under a laboratory's profile, which has its own threshold."""
        if profile is None:
            return self
        return self.model_copy(update={"profile": profile.used, "threshold": profile.threshold})
