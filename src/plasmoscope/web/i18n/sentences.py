"""What the pages say about the records, in the reader's language."""

from typing import get_args

from plasmoscope.analysis.counting import (
    CALLS_CHANGED,
    COUNTED_DIFFERENTLY,
    DEFAULT_RED_CELLS,
    ENOUGH_CELLS,
    RESEARCH_CELLS,
    errors_spans,
    patients_spans,
)
from plasmoscope.analysis.notes import much_left_out
from plasmoscope.analysis.performance import FALSE_CALLS_ELSEWHERE, FOUND_ELSEWHERE, Performance
from plasmoscope.analysis.results import Count, Review, Species
from plasmoscope.i18n import words
from plasmoscope.i18n.sentences import CODES
from plasmoscope.messages import mark
from plasmoscope.store.counts import Tally
from plasmoscope.store.records import Slide

# Word for word as in ``plasmoscope.analysis.detection``.
_RESTS_ON = {
    "each patient": mark(
        "This rests on the figures of %(laboratory)s, and on how far its %(patients)s patients differed."
    ),
    "all patients": mark(
        "This rests on the figures of %(laboratory)s. How far its patients differ was not measured; it is taken to be "
        "far, which raises the limits."
    ),
    "elsewhere": mark(
        "How well cells are called so on this laboratory's slides has not been measured: this allows for all that was "
        "seen on other laboratories', and may be better or worse here."
    ),
}
_POSITIVE = {
    True: mark("This slide has more: by the program's calls alone it is positive."),
    False: mark(
        "This slide does not have more: by the program's calls alone it is not told from one without parasites, which "
        "does not rule malaria out."
    ),
}

SLIDE_STATUS = {"open": mark("Open"), "signed": mark("Signed")}
FIELD_STATUS = {
    "waiting": mark("Waiting"),
    "analysing": mark("Being analysed"),
    "done": mark("Counted"),
    "failed": mark("Failed"),
    "cancelled": mark("Cancelled"),
}
ROLES = {"reader": mark("Reader"), "technician": mark("Technician"), "admin": mark("Administrator")}
ACTIONS = {
    "create": mark("recorded the slide"),
    "describe": mark("changed the details"),
    "upload": mark("added a photograph"),
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
    "sign": mark("signed the slide"),
    "reopen": mark("reopened the slide"),
}
STAGES = {
    "ring": mark("ring"),
    "trophozoite": mark("trophozoite"),
    "schizont": mark("schizont"),
    "gametocyte": mark("gametocyte"),
}
# Names in Latin are the same everywhere.
SPECIES = get_args(Species)
# Why a count is not corrected.
NOT_CORRECTED = (CALLS_CHANGED, COUNTED_DIFFERENTLY)


class Words(words.Words):
    """Sentences, numbers and dates of the records in one language."""

    def reason(self, text: str) -> str:
        """Why a photograph is not counted; what a person wrote stays as it is."""
        return self.say(text) if text in CODES else text

    def correction(self, count: Count) -> str:
        """What the corrected estimate rests on, or why there is none: what ``Count.correction_basis`` says."""
        if count.performance is None:
            return self.not_measured()
        if count.correction_basis in NOT_CORRECTED:
            return self.say(count.correction_basis)
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

    def detection(self, count: Count) -> str | None:
        """What ``Detection.statement`` says; None for counts of earlier versions."""
        told = count.detection
        if told is None:
            return None
        counted = self.number(count.counted)
        if told.limit is None:
            alone = mark(
                "With %(counted)s red cells counted, the program's calls alone tell no parasitaemia from a slide "
                "without parasites with 95 %% probability."
            )
            sentences = [self.say(alone, counted=counted)]
        else:
            alone = mark(
                "With %(counted)s red cells counted, the program's calls alone tell a slide with a parasitaemia of "
                "%(limit)s or more from one without parasites with 95 %% probability."
            )
            sentences = [self.say(alone, counted=counted, limit=self.percent(told.limit))]
        if told.limit_reviewed is None:
            sentences.append(self.say(mark("After a person has looked at every called cell they tell none either.")))
        else:
            reviewed = mark(
                "After a person has looked at every called cell they tell a parasitaemia of %(limit)s or more: then no "
                "false call is left, and only missed parasites matter."
            )
            sentences.append(self.say(reviewed, limit=self.percent(told.limit_reviewed)))
        if told.positive_above >= count.counted:
            positive = mark("No number of called cells makes a slide positive before a person has looked at them.")
        else:
            positive = mark(
                "Until a person has looked at them, more than %(number)s called cells make a slide positive: at most "
                "5 %% of slides without parasites have more."
            )
        sentences.append(self.say(positive, number=self.number(told.positive_above)))
        if told.positive is not None:
            sentences.append(self.say(_POSITIVE[told.positive]))
        laboratory = self.name(count.performance.laboratory) if count.performance else ""
        patients = self.number(count.performance.patients) if count.performance else ""
        rests_on = _RESTS_ON[told.measured]
        return " ".join([*sentences, self.say(rests_on, laboratory=laboratory, patients=patients)])

    def left_out(self, tally: Tally) -> str | None:
        """What a note of the reports says where much is left out of the count; None where it is not much."""
        if not much_left_out(tally.not_a_cell, tally.counted):
            return None
        message = mark(
            "%(share)s of what is outlined as red cells is left out of the count, because the model says that it is no "
            "red cell or that it cannot tell. Parasites may be among it: look at it."
        )
        return self.say(message, share=self.percent(100 * tally.not_a_cell / (tally.not_a_cell + tally.counted)))

    def looked_at(self, looked: int, asked: int) -> str:
        """How many of the cells that people are asked to look at somebody has."""
        return self.say(mark("%(looked)s of %(all)s looked at"), looked=self.number(looked), all=self.number(asked))

    def not_looked_at(self, review: Review) -> str:
        """Before signing."""
        message = mark(
            "Nobody has looked at %(number)s of the cells that the program called infected or is uncertain of."
        )
        return self.say(message, number=self.number(review.waiting))

    def misses(self, review: Review) -> str:
        """What the sample tells of the cells that nobody looked at."""
        if review.misses is None:
            message = mark(
                "Look at the sample, too: it tells how many infected cells may be missed among the %(number)s that "
                "nobody looks at."
            )
            return self.say(message, number=self.number(review.not_looked_at))
        message = mark(
            "Missed infected cells among the %(number)s that nobody looked at: about %(value)s (95 %% interval %(low)s "
            "to %(high)s); %(infected)s of %(looked)s drawn at random were infected."
        )
        value, low, high = (self.few(one) for one in (review.misses.value, review.misses.low, review.misses.high))
        infected, looked = self.number(review.sample_infected), self.number(review.sample_looked_at)
        numbers = {"number": self.number(review.not_looked_at), "infected": infected, "looked": looked}
        return self.say(message, value=value, low=low, high=high, **numbers)

    def not_measured(self) -> str:
        """What ``plasmoscope.analysis.counting.NOT_MEASURED`` says."""
        message = mark(
            "How well the program reads this laboratory's slides has not been measured. Its own figures hold for the "
            "NIH's slides, which it learnt from; on other laboratories' photographs it found %(least_found)s to "
            "%(most_found)s %% of the parasites and made %(least_false)s to %(most_false)s false calls per 1,000 "
            "cells. Measure yours: 'plasmoscope evaluate-fields' on your own annotated photographs."
        )
        least_found, most_found = map(self.number, FOUND_ELSEWHERE)
        least_false, most_false = map(self.number, FALSE_CALLS_ELSEWHERE)
        return self.say(
            message, least_found=least_found, most_found=most_found, least_false=least_false, most_false=most_false
        )

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

    def advice(self, count: Count) -> str | None:
        """What ``Count.advice`` says; None where the count suffices."""
        if count.advice is None:
            return None
        if count.counted < ENOUGH_CELLS:
            more, enough = self.number(ENOUGH_CELLS - count.counted), self.number(ENOUGH_CELLS)
            message = mark("Keep counting: %(more)s more red cells to reach %(enough)s.")
            return self.say(message, more=more, enough=enough)
        if count.infected:
            message = mark("For a more exact figure keep counting, up to %(most)s red cells.")
        else:
            message = mark("To lower the limit keep counting, up to %(most)s red cells, and look at a thick film.")
        return self.say(message, most=self.number(RESEARCH_CELLS))
