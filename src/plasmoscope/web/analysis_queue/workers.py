"""All processes that a workstation has beside the one that answers requests."""

from pathlib import Path

from plasmoscope.web.analysis_queue.model_workers import ModelWorkers
from plasmoscope.web.analysis_queue.processes import Processes

# Whoever looks at a slide waits for its pictures, of which a page has many; whoever fetches a report expects to wait.
_DRAWING_POLITENESS, _WRITING_POLITENESS = 5, 10
_DRAWING_QUEUE, _WRITING_QUEUE = 200, 8


class Workers:
    """Each part of the work has its own, so that a report in writing keeps no photograph waiting."""

    def __init__(self, model: Path | None, at_once: int) -> None:
        self.model = ModelWorkers(model, at_once)
        self.drawing = Processes(1, _DRAWING_QUEUE, _DRAWING_POLITENESS)
        """For ``plasmoscope.web.pictures``, and what else takes a moment."""
        self.writing = Processes(1, _WRITING_QUEUE, _WRITING_POLITENESS)
        """For ``plasmoscope.web.downloads``."""

    def close(self) -> None:
        """End them, once what is being worked on is finished."""
        for part in (self.model, self.drawing, self.writing):
            part.close()
