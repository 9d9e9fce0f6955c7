"""What the reports say in words and figures, in one language; HTML and PDF say the same."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta, timezone
from typing import NamedTuple

from plasmoscope.analysis.calls import NOT_TOLD
from plasmoscope.analysis.counting import NOT_MEASURED
from plasmoscope.analysis.results import Count, Field, ReadingOfOne, Review, Slide
from plasmoscope.i18n.languages import ENGLISH
from plasmoscope.i18n.words import Words, without_marks
from plasmoscope.messages import mark
from plasmoscope.providers import CPU

SEXES = {"female": mark("female"), "male": mark("male"), "other": mark("other")}


class Line(NamedTuple):
    """One thing that is told of the slide, or one figure of the result."""

    name: str
    value: str
    remark: str = ""


class ReportWords(Words):
    """What the reports say."""

    def title(self) -> str:
        """What every report is about."""
        return self.say(mark("Malaria parasites in a Giemsa-stained thin film"))

    def limits(self, slide: Slide) -> tuple[str, ...]:
        """What to keep in mind of every count."""
        if slide.infected_from:
            learnt = mark(
                "The infected cells that its model learnt from are %(infected_from)s; expect more mistakes with "
                "stains, cameras and species that the model did not learn from."
            )
        else:
            learnt = mark("Expect more mistakes with stains, cameras and species that the model did not learn from.")
        what = mark(
            "Plasmoscope counts infected red cells. It tells neither species nor stage, and it does not read thick "
            "films."
        )
        low = mark(
            "Even one false call in a hundred red cells looks like 1 %% parasitaemia: look at the called cells before "
            "you rely on a low count, and keep in mind that no infected cell among those counted does not rule malaria "
            "out."
        )
        return self.say(what), self.say(learnt, infected_from=self.name(slide.infected_from)), self.say(low)

    def head(self, slide: Slide) -> list[Line]:
        """Whose slide it is and how it came about; what was not given is left out, but for the patient."""
        told = [
            (mark("Slide"), slide.slide),
            (mark("Patient"), slide.patient or self.say(mark("not given"))),
            (mark("Slide made"), self.day(slide.taken_on) if slide.taken_on else ""),
            (mark("Age in years"), "" if slide.age_years is None else self.plain(slide.age_years)),
            (mark("Sex"), self.say(SEXES[slide.sex]) if slide.sex else ""),
            (mark("Day of the follow-up"), "" if slide.visit_day is None else self.number(slide.visit_day)),
            (mark("Site"), slide.site),
            (mark("Preparer"), slide.preparer),
            (mark("Microscopist"), slide.microscopist),
            (mark("Stain"), slide.stain),
            # What is signed no longer changes; its date is the signature's.
            (mark("Report made"), "" if slide.status == "signed" else self._made(slide)),
            (mark("Photographs counted"), self.fields_counted(slide)),
        ]
        return [Line(self.say(name), value) for name, value in told if value]

    def signature(self, slide: Slide) -> str | None:
        """Who signed the slide and when, or that nobody did; None where there is no record that could be signed."""
        if slide.status is None:
            return None
        if slide.status == "open" or slide.signed_at is None:
            return self.say(mark("Not signed"))
        signed = mark("Signed by %(name)s on %(moment)s")
        return self.say(signed, name=self.name(slide.signed_by or ""), moment=self.when(slide.signed_at))

    def headline(self, slide: Slide) -> str:
        """The parasitaemia, large; with no infected cell the most that it may be; the final one of several readings."""
        if slide.final and slide.final.parasitaemia:
            return self.estimate(slide.final.parasitaemia)
        return self.say(mark("No result")) if slide.count is None else self.estimate(slide.count.parasitaemia)

    def headline_remark(self, slide: Slide) -> str:
        """What stands below the headline."""
        if slide.final:
            return self.say(mark("of red cells; final result of several blinded readings"))
        if slide.count is None:
            return self.say(mark("none of the photographs could be counted"))
        if not slide.count.infected:
            none = mark("of red cells; none infected among %(counted)s (upper end of the 95 %% interval)")
            return self.say(none, counted=self.number(slide.count.counted))
        return self.say(
            mark("of red cells infected; 95 %% interval %(span)s"), span=self.span(slide.count.parasitaemia)
        )

    def statement(self, slide: Slide) -> str:
        """The result in a sentence; empty where nothing could be counted."""
        said = slide.final or slide.count
        return self.tell_in_turn(said.statement_coded, said.statement) if said else ""

    def reading_lines(self, slide: Slide) -> list[Line]:
        """Who read the slide and what each counted, where several did; nothing before all are done."""
        if slide.final is None:
            return []
        name = mark("Reading %(number)s")
        lines = [
            Line(self.say(name, number=self.number(place)), self.name(one.reader), self.reading_of_one(one))
            for place, one in enumerate(slide.final.readings, start=1)
        ]
        # What follows in a report is told of this one.
        own = self.sentence(self.say(mark("the figures below, the cells and the pictures are of this reading")))
        return [lines[0]._replace(remark=f"{self.sentence(lines[0].remark)} {own}"), *lines[1:]]

    def reading_of_one(self, one: ReadingOfOne) -> str:
        """What one of several readers counted."""
        counted = self.say(
            mark("%(infected)s of %(counted)s cells infected"),
            infected=self.number(one.infected),
            counted=self.number(one.counted),
        )
        return self.both(counted, *filter(None, [one.species]))

    def detection(self, count: Count) -> str:
        """What so many counted cells can tell; empty in earlier versions' files."""
        return self.tell_in_turn(count.detection.statement_coded, count.detection.statement) if count.detection else ""

    def advice(self, count: Count) -> str:
        """What to do next; empty where the count suffices."""
        return self.tell_in_turn(count.advice_coded, count.advice or "")

    def notes(self, slide: Slide) -> list[str]:
        """What readers are told of the photographs and calls."""
        return list(map(self.tell, slide.notes_coded)) or list(slide.notes)

    def result_lines(self, count: Count) -> list[Line]:
        """The figures of the result, one a line."""
        density = count.parasites_per_ul
        parts = [self.per_microlitre(end) for end in (density.value, density.low, density.high)]
        shown = parts[0] if count.infected else self.say(mark("below %(share)s"), share=parts[2])
        span = self.say(mark("%(low)s to %(high)s"), low=parts[1], high=parts[2])
        interval = [self.say(mark("95 %% interval: %(span)s"), span=span)] if count.infected else []
        basis = self.say(
            mark("from %(number)s red cells per microlitre (%(basis)s)"),
            number=self.number(count.red_cells_per_ul),
            basis=self.tell_in_turn(count.red_cells_basis_coded, count.red_cells_basis),
        )
        return [
            Line(self.say(mark("Red cells counted")), self.number(count.counted)),
            Line(self.say(mark("Called infected")), self.number(count.infected)),
            self.corrected_line(count),
            Line(self.say(mark("Parasites per microlitre")), shown, self.both(*interval, basis)),
        ]

    def left_out_lines(self, slide: Slide) -> list[Line]:
        """How much is left out because the model is silent on it; nothing where it never is."""
        if slide.silence is None and not slide.not_a_cell:
            return []
        remark = self.say(mark("Outlined as red cells; in no figure above. Look at them yourself."))
        name = _capitalised(self.say(NOT_TOLD.message))
        return [Line(name, self.number(slide.not_a_cell), remark if slide.not_a_cell else "")]

    def possible_lines(self, slide: Slide) -> list[Line]:
        """How many cells that are not called deserve a look; nothing in earlier versions' results."""
        if slide.screening is None or slide.screening >= slide.threshold:
            return []
        remark = mark(
            "Not called: probability from %(screening)s to below %(threshold)s. In the count as uninfected; look at "
            "them too where the question is whether there is any parasite."
        )
        screening, threshold = self.plain(slide.screening), self.plain(slide.threshold)
        return [
            Line(
                self.say(mark("Possibly infected")),
                self.number(slide.possibly_infected),
                self.say(remark, screening=screening, threshold=threshold),
            )
        ]

    def review_lines(self, slide: Slide) -> list[Line]:
        """What people have looked at, and what that tells of the rest; nothing without a workstation's record."""
        review = slide.review
        if review is None:
            return []
        asked = review.called + review.uncertain
        lines = []
        if asked or review.sample:
            remark = self.not_looked_at(review) if review.waiting else ""
            lines.append(Line(self.say(mark("Review")), self.review_progress(review), remark))
        if review.near:
            looked = self.looked_at(review.near_looked_at, review.near)
            lines.append(Line(self.say(mark("Nearest to the threshold")), looked))
        missed = self.few(review.misses.value) if review.misses else self.say(mark("not estimated"))
        return [*lines, Line(self.say(mark("Missed infected cells")), missed, self.misses(review))]

    def looked_at(self, looked: int, asked: int) -> str:
        """How many of the cells that people are asked to look at somebody has."""
        return self.say(mark("%(looked)s of %(all)s looked at"), looked=self.number(looked), all=self.number(asked))

    def review_progress(self, review: Review) -> str:
        """How far people are with the cells that ask for a look, and with the sample of the rest."""
        asked = review.called + review.uncertain
        progress = self.looked_at(asked - review.waiting, asked)
        if not review.sample:
            return progress
        sample = self.looked_at(review.sample_looked_at, review.sample)
        return self.say(mark("%(asked)s; drawn at random from the rest: %(sample)s"), asked=progress, sample=sample)

    def not_looked_at(self, review: Review) -> str:
        """What of the called and uncertain cells nobody has looked at."""
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

    def corrected_line(self, count: Count) -> Line:
        """The estimate corrected for wrong calls, with what it rests on; or why there is none."""
        name = self.say(mark("Corrected for wrong calls"))
        basis = self.tell_in_turn(count.correction_basis_coded, count.correction_basis) or self.tell(NOT_MEASURED)
        # Files of earlier versions hold estimates that rest on the NIH's slides alone.
        if count.corrected is None or count.performance is None:
            return Line(name, self.say(mark("not given")), basis)
        if count.corrected.value:
            remark = self.say(mark("95 %% interval: %(span)s"), span=self.span(count.corrected))
        else:
            remark = self.say(mark("No more calls than known errors make"))
        return Line(name, self.estimate(count.corrected), f"{self.sentence(remark)} {basis}")

    def fields_counted(self, slide: Slide) -> str:
        """Such as ``3 of 5``."""
        counted = sum(field.accepted for field in slide.fields)
        return self.say(mark("%(part)s of %(all)s"), part=self.number(counted), all=self.number(len(slide.fields)))

    def status(self, field: Field) -> str:
        """Whether a photograph is counted."""
        if not field.accepted:
            return self.say(mark("Not counted"))
        return self.say(mark("Counted by order") if field.objections else mark("Counted"))

    def reasons(self, field: Field) -> str:
        """Why a field was not counted, what was overridden, or why it is to be read with care; empty without."""
        if field.error:
            return self._sentences([self.tell_in_turn(field.error_coded, field.error)])
        objections = self._sentences(map(self.tell, field.objections))
        if objections and field.accepted:
            objections = self.say(mark("Counted by your order although: %(reasons)s"), reasons=objections)
        care = self.care(field)
        careful = self.say(mark("Read with care: %(warning)s"), warning=care) if care else ""
        return " ".join(filter(None, (objections, careful)))

    def care(self, field: Field) -> str:
        """What to read a counted field with care for; empty for one without."""
        return self._sentences(map(self.tell, field.warnings)) if field.accepted else ""

    def when(self, moment: datetime) -> str:
        """Date and time by this computer's clock, and how far that is from UTC."""
        # By its distance: names of zones differ between systems, and several zones share one.
        return f"{self.moment(moment)} ({timezone(moment.astimezone().utcoffset() or timedelta())})"

    def method(self, slide: Slide) -> str:
        """How the result came about, with model, views and threshold."""
        how = mark(
            "Every photograph passes a quality check, its red cells are outlined, and a neural network gives each "
            "whole one a probability of holding a parasite; from %(threshold)s on it is called infected (views of each "
            "cell: %(views)s). Cells cut by a border, white cells, platelets and stain precipitate are left out. The "
            "interval is Wilson's for a share of the cells counted; it does not cover the classifier's own mistakes."
        )
        odds = mark("A probability is told as if every second cell held a parasite.")
        told = self.say(how, threshold=self.plain(slide.threshold), views=self.number(slide.views))
        told = f"{told} {self.say(odds)}"
        if slide.silence is None:
            return told
        silent = mark(
            "What the network gives a probability of %(silence)s or more of being no red cell, or nothing that can be "
            "told, is left out too."
        )
        return f"{told} {self.say(silent, silence=self.plain(slide.silence))}"

    def versions(self, slide: Slide) -> str:
        """Program, model and profile."""
        made_with = self.say(
            mark("Plasmoscope %(version)s, model %(model)s (SHA-256 %(sha256)s)"),
            version=slide.plasmoscope,
            model=slide.model,
            sha256=slide.model_sha256,
        )
        if slide.provider != CPU:
            computed = self.say(mark("computed on %(provider)s"), provider=slide.provider)
            made_with = self.both(made_with, computed)
        if slide.profile is None:
            return made_with
        under = self.say(
            mark("profile %(name)s, version %(version)s (SHA-256 %(sha256)s)"),
            name=slide.profile.name,
            version=slide.profile.version,
            sha256=slide.profile.sha256,
        )
        return self.both(made_with, under)

    def pictures_shown(self, shown: int, readable: int, in_folder: bool) -> str:
        """Which annotated pictures a report holds, and where the others are."""
        if not readable:
            return self.say(mark("No photograph could be read."))
        if shown == readable == 1:
            return self.say(mark("The photograph with every object outlined."))
        if shown == readable:
            some = mark("All photographs with every object outlined: %(number)s.")
        else:
            some = mark("The photographs with the most infected cells, every object outlined: %(number)s.")
        where = mark("The pictures of all %(number)s photographs are in the folder 'fields' beside this report.")
        beside = self.say(where, number=self.number(readable)) if in_folder else ""
        return f"{self.say(some, number=self.number(shown))} {beside}".rstrip()

    def caption(self, slide: Slide, number: int) -> str:
        """What stands below an annotated photograph; calls on one that was refused must not pass for a result."""
        field = slide.fields[number - 1]
        if field.accepted:
            message = mark("Photograph %(number)s: %(name)s")
        else:
            message = mark("Photograph %(number)s (not counted): %(name)s")
        return self.say(message, number=self.number(number), name=self.name(field.name))

    def gallery_shown(self, shown: int, called: int) -> str:
        """How many called cells a gallery shows."""
        if not called:
            return self.say(mark("No whole red cell is called infected."))
        return self._shown(self.say(mark("Cells called infected")), shown, called)

    def possible_shown(self, shown: int, possible: int) -> str:
        """How many of the cells that were not called but deserve a look a gallery shows."""
        what = mark(
            "Not called and counted as uninfected, but worth a look before a slide is taken to hold no parasite"
        )
        return self._shown(self.say(what), shown, possible)

    def per_microlitre(self, value: float) -> str:
        """A density, such as ``152,000``."""
        return self.density(value)

    def named(self, name: str, value: str) -> str:
        """Such as ``Note: one photograph was taken with another camera``."""
        return self.say(mark("%(name)s: %(value)s"), name=name, value=value)

    def sentence(self, said: str) -> str:
        """With a capital and a full stop, where the language has them."""
        return self.say(mark("%(said)s."), said=_capitalised(said))

    def _shown(self, what: str, shown: int, all_: int) -> str:
        below = mark("The most certain first; below each: photograph/cell number and probability.")
        only = mark("Only the %(number)s most certain are shown.")
        parts = [
            self.sentence(self.named(what, self.number(all_))),
            self.say(only, number=self.number(shown)) if shown < all_ else "",
            self.say(below),
        ]
        return " ".join(filter(None, parts))

    def _made(self, slide: Slide) -> str:
        made = created(slide)
        return self.when(made) if made else slide.created

    def _sentences(self, parts: Iterable[str]) -> str:
        return " ".join(self.sentence(part.rstrip(".")) for part in parts)


def reasons_in_english(field: Field) -> str:
    """``ReportWords.reasons`` for files that programs read."""
    return without_marks(ReportWords(ENGLISH).reasons(field))


def created(slide: Slide) -> datetime | None:
    """``Slide.created`` with its time zone; None for what is no time."""
    try:
        time = datetime.fromisoformat(slide.created)
    except ValueError:
        return None
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def _capitalised(said: str) -> str:
    return f"{said[:1].upper()}{said[1:]}"
