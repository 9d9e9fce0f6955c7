"""How a field was analysed: program, model and calling."""

from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, model_validator

from plasmoscope import __version__
from plasmoscope.analysis.performance import Performance
from plasmoscope.classification.profile import Profile, UsedProfile

if TYPE_CHECKING:
    # Whoever reads the records needs no network.
    from plasmoscope.analysis.analyze import Calling
    from plasmoscope.classification.classifier import Classifier


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
    def of(cls, classifier: "Classifier", how: "Calling") -> "Method":
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
            profile=how.profile,
        )

    def under(self, profile: Profile | None) -> "Method":
        """The same under a laboratory's profile, which has its own threshold."""
        if profile is None:
            return self
        return self.model_copy(update={"profile": profile.used, "threshold": profile.threshold})
