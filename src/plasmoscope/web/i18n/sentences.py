"""What the pages say about the records, in the reader's language."""

from typing import get_args

from plasmoscope.analysis.counting import (
    CALLS_CHANGED,
    COUNTED_DIFFERENTLY,
    DEFAULT_RED_CELLS,
    NOT_MEASURED,
    errors_spans,
    patients_spans,
)
from plasmoscope.analysis.notes import much_left_out
from plasmoscope.analysis.performance import Performance
from plasmoscope.analysis.results import Count, Species
from plasmoscope.messages import mark
from plasmoscope.reports import wording
from plasmoscope.reports.wording import ReportWords
from plasmoscope.store.counts import Tally
from plasmoscope.store.records import AuditEntry, Slide

SLIDE_STATUS = {"open": mark("Open"), "signed": mark("Signed")}
FIELD_STATUS = {
    "waiting": mark("Waiting"),
    "analysing": mark("Being analysed"),
    "done": mark("Counted"),
    "failed": mark("Failed"),
    "cancelled": mark("Cancelled"),
    "removed": mark("Removed"),
}
ROLES = {"reader": mark("Reader"), "technician": mark("Technician"), "admin": mark("Administrator")}
ACTIONS = {
    "create": mark("recorded the slide"),
    "describe": mark("changed the details"),
    "upload": mark("added a photograph"),
    "open camera": mark("had a camera's pictures come to the slide"),
    "close camera": mark("ended a camera's pictures"),
    "take waiting": mark("took in a camera's waiting pictures"),
    "leave waiting": mark("left out a camera's waiting pictures"),
    "analyse": mark("analysed a photograph"),
    "fail": mark("could not analyse a photograph"),
    "cancel": mark("cancelled an analysis"),
    "analyse again": mark("asked for another analysis"),
    "reject": mark("rejected a photograph"),
    "take back": mark("took a photograph back into the count"),
    "count repeat": mark("counted a photograph although another shows the same place"),
    "call": mark("called a cell"),
    "draw": mark("drew a cell"),
    "erase": mark("erased an object"),
    "split": mark("split a cell"),
    "join": mark("joined pieces of a cell"),
    "note": mark("noted stage or species"),
    "undo": mark("undid a change"),
    "redo": mark("redid a change"),
    "look": mark("looked at a cell"),
    "take back look": mark("had not looked at a cell after all"),
    "ask readings": mark("gave the slide for a blinded second reading"),
    "name third reader": mark("named the third reader"),
    "finish reading": mark("finished reading the slide"),
    "settle readings": mark("compared the readings"),
    "withdraw readings": mark("withdrew the other readings"),
    "make panel": mark("made a panel"),
    "add panel slide": mark("added a slide to a panel"),
    "remove panel slide": mark("took a slide out of a panel"),
    "open panel": mark("opened a panel"),
    "close panel": mark("closed a panel"),
    "begin panel": mark("began to read a panel"),
    "finish panel": mark("finished reading a panel"),
    "make control": mark("named a control slide"),
    "end control": mark("gave a control slide up"),
    "begin control reading": mark("began to photograph a control slide"),
    "enter control reading": mark("entered a reading of a control slide"),
    "leave out control reading": mark("left out a reading of a control slide"),
    "sign": mark("signed the slide"),
    "reopen": mark("reopened the slide"),
    "move away": mark("moved a photograph to another slide"),
    "move here": mark("took a photograph from another slide"),
    "remove": mark("removed a photograph"),
    "put back": mark("put a photograph back"),
    "merge patients": mark("merged two patients"),
    "part patients": mark("undid the merge of two patients"),
    "put back slide": mark("put the slide back"),
    "keep patients apart": mark("said that two patients are two people"),
    "delete": mark("deleted the slide"),
    "erase slide": mark("erased the slide for good"),
    "add account": mark("added an account"),
    "set password": mark("set a new password"),
    "change password": mark("changed the own password"),
    "fail to change password": mark("gave a wrong old password"),
    "change role": mark("changed a role"),
    "change sites": mark("changed sites"),
    "deactivate account": mark("deactivated an account"),
    "activate account": mark("activated an account"),
    "remove account": mark("removed an account"),
    "log in": mark("logged in"),
    "log out": mark("logged out"),
    "lock": mark("locked the page"),
    "unlock": mark("unlocked the page"),
    "fail to unlock": mark("gave a wrong password to unlock"),
    "link account": mark("linked an account"),
    "fail to log in": mark("refused a log-in"),
    "measure": mark("entered measured figures"),
    "withdraw": mark("withdrew measured figures"),
    "choose": mark("changed what the laboratory chose"),
    "withdraw choice": mark("withdrew what the laboratory chose"),
    "teach": mark("made a profile"),
    "switch on": mark("switched a profile on"),
    "switch off": mark("switched the profile off"),
}
# Of profiles.
_TOOK_PROFILE_BACK = mark("took a profile back")
CONTROL_KINDS = {"positive": mark("positive control"), "negative": mark("negative control")}
CONTROL_STATES = {
    "unknown": mark("too few readings"),
    "in control": mark("in control"),
    "warning": mark("warning"),
    "out of control": mark("out of control"),
}
CONTROL_RULES = {
    "1-3s": mark("one reading is more than three deviations off: a gross mistake or a sudden change."),
    "2-2s": mark("two readings running are more than two deviations off to the same side: something has shifted."),
    "R-4s": mark("two readings running are more than two deviations off to opposite sides: results scatter."),
    "4-1s": mark(
        "four readings running are more than one deviation off to the same side: something has shifted a little."
    ),
    "10x": mark("ten readings running lie on the same side of the mean: something has shifted a little."),
    "1-2s": mark(
        "one reading is more than two deviations off: a warning, as one in twenty is by chance; see the next."
    ),
}
SEXES = wording.SEXES
STAGES = {
    "ring": mark("ring"),
    "trophozoite": mark("trophozoite"),
    "schizont": mark("schizont"),
    "gametocyte": mark("gametocyte"),
}
# Names in Latin are the same everywhere.
SPECIES = get_args(Species)


class Words(ReportWords):
    """Sentences, numbers and dates of the records in one language."""

    def correction(self, count: Count) -> str:
        """What the corrected estimate rests on, or why there is none: what ``Count.correction_basis`` says."""
        if count.performance is None or count.correction_basis_coded[0] in (CALLS_CHANGED, COUNTED_DIFFERENTLY):
            return self.tell_in_turn(count.correction_basis_coded, count.correction_basis)
        measured = mark(
            "Measured on %(day)s on slides of %(laboratory)s: sensitivity %(sensitivity)s, specificity %(specificity)s."
        )
        sensitivity, specificity = self.figures(count.performance)
        return self.say(
            measured,
            day=self.day(count.performance.measured_on),
            laboratory=self.name(count.performance.laboratory),
            sensitivity=sensitivity,
            specificity=specificity,
        )

    def done(self, entry: AuditEntry) -> str:
        """What an entry of the audit says was done."""
        if entry.action == "take back" and entry.subject.startswith("profile/"):
            return self.say(_TOOK_PROFILE_BACK)
        return self.one_of(ACTIONS, entry.action)

    def left_out(self, tally: Tally) -> str | None:
        """What a note of the reports says where much is left out of the count; None where it is not much."""
        if not much_left_out(tally.not_a_cell, tally.counted):
            return None
        message = mark(
            "%(share)s of what is outlined as red cells is left out of the count, because the model says that it is no "
            "red cell or that it cannot tell. Parasites may be among it: look at it."
        )
        return self.say(message, share=self.percent(100 * tally.not_a_cell / (tally.not_a_cell + tally.counted)))

    def not_measured(self) -> str:
        """That nothing is known of how well this laboratory's slides are read."""
        return self.tell(NOT_MEASURED)

    def patients_differ(self, performance: Performance) -> str:
        """How far the figures lie apart from one patient to another, and whether that was measured."""
        sensitivity, specificity = map(self.span, patients_spans(performance.errors))
        if performance.by_patient:
            message = mark("Of 95 in 100 patients: sensitivity %(sensitivity)s, specificity %(specificity)s.")
        else:
            message = mark(
                "It was not measured and is taken to be far. Of 95 in 100 patients: sensitivity %(sensitivity)s, "
                "specificity %(specificity)s."
            )
        return self.say(message, sensitivity=sensitivity, specificity=specificity)

    def figures(self, performance: Performance) -> tuple[str, str]:
        """Sensitivity and specificity with the intervals that so many cells leave."""
        one, other = (f"{self.percent(one.value)} ({self.span(one)})" for one in errors_spans(performance.errors))
        return one, other

    def basis(self, slide: Slide) -> str:
        """Where the red cells per microlitre come from."""
        if slide.red_cells_per_ul is not None:
            return self.say(mark("from the measured red-cell count"))
        if slide.haematocrit_percent is not None:
            return self.say(mark("from the haematocrit"))
        message = mark("assuming %(number)s red cells per microlitre")
        return self.say(message, number=self.number(DEFAULT_RED_CELLS))
