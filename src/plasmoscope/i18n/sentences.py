"""Every sentence that has a code, in English; the catalogues have it in the other languages.

Who finds something gives its code and numbers (``plasmoscope.messages.message``); who shows it makes the sentence
(``plasmoscope.i18n.words.Words.tell``). ``%(name)s`` is a value of the message, ``%%`` a percent sign.
"""

from collections.abc import Mapping

from plasmoscope.i18n.error_sentences import ERRORS
from plasmoscope.messages import mark

_QUALITY = {
    "lighting_suffices": mark("the lighting suffices"),
    "too_dark": mark("the picture is too dark; turn the lamp up or expose longer"),
    "overexposed": mark(
        "the picture is overexposed, so parasites cannot be seen; turn the lamp down or expose shorter"
    ),
    "background_overexposed": mark(
        "the background is overexposed, so pale rings may be missed; turn the lamp down if you can"
    ),
    "red_cells_found": mark("red cells were found"),
    "hardly_any_cell": mark("hardly any red cell was found; is this a stained thin film? Move to a field with cells"),
    "in_focus": mark("cell edges are sharp"),
    "out_of_focus": mark("the cells are out of focus, so parasites cannot be seen; refocus and take the picture again"),
    "a_little_out_of_focus": mark(
        "the cells are a little out of focus, so faint rings may be missed; refocus if you can"
    ),
    "large_enough": mark("the cells are large enough in the picture"),
    "too_small": mark(
        "the cells are too small in this picture to show a ring; use the 100x objective or the camera's full size"
    ),
    "small": mark(
        "the cells are small in this picture, so faint rings may be missed; use the camera's full size if you can"
    ),
    "stained": mark("the cells have the colour of a stain"),
    "not_stained": mark(
        "what was found has not the colour of stained red cells; this looks like something else than a thin film"
    ),
    "thin_film": mark("single red cells lie side by side, as in a thin film"),
    "no_thin_film": mark(
        "there is no clear background with single red cells: a thick film, or no blood film at all; use the thin film "
        "of the slide"
    ),
    "cells_apart": mark("the cells lie apart enough to be counted"),
    "cells_in_heaps": mark("the cells lie in heaps; move to where they lie side by side, towards the feathered edge"),
    "fine_detail": mark("the picture keeps its fine detail"),
    "compressed": mark(
        "the picture was saved with few colours or strong compression, which wipes out rings; save it as PNG or as "
        "JPEG of high quality"
    ),
}
"""What the quality gate says of a field."""

_NOTES = {
    "same_place": mark("it shows the same place as %(field)s, which is counted"),
    "rejected": mark("the microscopist rejected it: %(reason)s"),
    "field_unreadable": mark("%(field)s could not be read: %(reason)s."),
    "field_not_counted": mark("%(field)s was not counted: %(reasons)s."),
    "field_counted_all_the_same": mark("%(field)s was counted at the user's wish although %(reasons)s."),
    "field_with_care": mark("%(field)s is to be read with care: %(warning)s."),
    "fields_with_care": mark("%(fields)s of %(counted)s counted photographs are to be read with care: %(warning)s."),
    "all_fields_with_care": mark("All %(counted)s counted photographs are to be read with care: %(warning)s."),
    "much_left_out": mark(
        "%(left_out)s of %(outlined)s objects outlined as red cells (%(left_out_percent)s) are left out of the count: "
        "the model says that they are no red cells, or that it cannot tell. So many mean dirt, a poor smear or stain, "
        "or pictures unlike those that the model learnt from, and parasites may be among them: look at these objects."
    ),
    "calls_changed_to": mark("A microscopist changed %(changed)s of the model's calls (%(calls)s)."),
    "to_infected": mark("%(number)s to infected"),
    "to_not_infected": mark("%(number)s to uninfected"),
    "to_not_a_cell": mark("%(number)s to not a cell"),
    "to_uncertain": mark("%(number)s to uncertain"),
    "to_white_cell": mark("%(number)s to white cell"),
    "outlines_changed": mark("A microscopist changed the outlined objects (%(edits)s)."),
    "outline_drawn": mark("drawn: %(number)s"),
    "outline_erased": mark("erased: %(number)s"),
    "outline_split": mark("split: %(number)s"),
    "outline_joined": mark("joined: %(number)s"),
    "different_versions": mark(
        "The fields were analysed by different versions of program or model; the last one's is named."
    ),
    "not_analysed_yet": mark("Photographs not analysed yet: %(number)s"),
}
"""What readers are told of a slide's photographs."""

_COUNT = {
    "infected_of": mark(
        "%(infected)s of %(counted)s red cells were called infected: parasitaemia %(share_percent)s (95 %% interval "
        "%(low_percent)s to %(high_percent)s), about %(share_per_ul)s parasites per microlitre."
    ),
    "none_infected": mark(
        "No infected cell was found among %(counted)s red cells. This does not rule malaria out: up to "
        "%(high_percent)s of red cells (%(high_per_ul)s parasites per microlitre) may be infected (upper end of the "
        "95 %% interval)."
    ),
    "keep_counting": mark("Keep counting: %(more)s more red cells to reach %(enough)s."),
    "keep_counting_for_exactness": mark(
        "For a more exact figure keep counting, up to %(most)s red cells: the interval still reaches "
        "%(reach_percent)s to one side of the estimate."
    ),
    "keep_counting_for_limit": mark(
        "To lower the limit keep counting, up to %(most)s red cells, and look at a thick film."
    ),
    "red_cells_measured": mark("measured: %(red_cells)s red cells per microlitre"),
    "red_cells_from_haematocrit": mark(
        "from the haematocrit of %(haematocrit_percent)s and a mean cell volume of %(volume_fl)s fL: %(red_cells)s "
        "red cells per microlitre"
    ),
    "red_cells_assumed": mark(
        "assumed: %(red_cells)s red cells per microlitre, as neither red-cell count nor haematocrit was given"
    ),
}
"""What is counted, and what it rests on."""

_CORRECTION = {
    "calls_changed": mark(
        "A microscopist changed some of the calls, and what was measured are the program's own errors."
    ),
    "counted_differently": mark("Not all photographs were analysed in the way that was measured."),
    "measured_errors": mark(
        "Assumes a sensitivity of %(sensitivity_percent)s (95 %% interval %(sensitivity_low_percent)s to "
        "%(sensitivity_high_percent)s) and a specificity of %(specificity_percent)s (%(specificity_low_percent)s to "
        "%(specificity_high_percent)s), as measured on %(measured_on)s on slides of %(laboratory)s: %(infected)s "
        "infected and %(others)s other cells, %(photographs)s photographs, %(patients)s patients."
    ),
    "patients_measured": mark(
        "Sensitivity and specificity of 95 in 100 patients: %(sensitivity_low_percent)s to "
        "%(sensitivity_high_percent)s and %(specificity_low_percent)s to %(specificity_high_percent)s."
    ),
    "patients_assumed": mark(
        "Sensitivity and specificity of 95 in 100 patients: %(sensitivity_low_percent)s to "
        "%(sensitivity_high_percent)s and %(specificity_low_percent)s to %(specificity_high_percent)s (assumed)."
    ),
}
"""What a count corrected for wrong calls rests on, or why there is none."""

_DETECTION = {
    "alone_tells_none": mark(
        "With %(counted)s red cells counted, the program's calls alone tell no parasitaemia from a slide without "
        "parasites with 95 %% probability."
    ),
    "alone_tells": mark(
        "With %(counted)s red cells counted, the program's calls alone tell a slide with a parasitaemia of "
        "%(limit_percent)s or more from one without parasites with 95 %% probability."
    ),
    "reviewed_tells_none": mark("After a person has looked at every called cell they tell none either."),
    "reviewed_tells": mark(
        "After a person has looked at every called cell they tell a parasitaemia of %(limit_percent)s or more: then "
        "no false call is left, and only missed parasites matter."
    ),
    "never_positive": mark("No number of called cells makes a slide positive before a person has looked at them."),
    "positive_above": mark(
        "Until a person has looked at them, more than %(number)s called cells make a slide positive: at most 5 %% of "
        "slides without parasites have more."
    ),
    "slide_positive": mark("This slide has more: by the program's calls alone it is positive."),
    "slide_not_positive": mark(
        "This slide does not have more: by the program's calls alone it is not told from one without parasites, which "
        "does not rule malaria out."
    ),
    "rests_on_each_patient": mark(
        "This rests on the figures of %(laboratory)s, and on how far its %(patients)s patients differed."
    ),
    "rests_on_all_patients": mark(
        "This rests on the figures of %(laboratory)s. How far its patients differ was not measured; it is taken to be "
        "far, which raises the limits."
    ),
    "rests_on_elsewhere": mark(
        "How well cells are called so on this laboratory's slides has not been measured: this allows for all that was "
        "seen on other laboratories', and may be better or worse here."
    ),
}
"""What so many counted cells can tell."""

_READINGS = {
    "rule_fixed_25": mark("fixed rule: counts differ by more than 25 %% of their mean"),
    "rule_fixed_50": mark("fixed rule: counts differ by more than 50 %% of their mean"),
    "rule_obare": mark("Obare's rule: less than 10 %% likely by chance, and above 200 per microlitre"),
    "rule_alexander_95": mark("Alexander's rule: roots of counts differ by more than 1.39 (95 %%)"),
    "rule_alexander_90": mark("Alexander's rule: roots of counts differ by more than 1.16 (90 %%)"),
    "aspect_presence": mark("whether there are parasites"),
    "aspect_species": mark("the species"),
    "aspect_count": mark("the count"),
    "two_readings": mark("two blinded readings"),
    "three_readings": mark("three blinded readings"),
    "readings_disagree": mark("The two readings disagree (%(aspects)s; %(rule)s). A third reader, blinded, decides."),
    "final_none": mark("Final result: no parasite seen (%(readings)s; %(rule)s). This does not rule malaria out."),
    "final_share": mark(
        "Final result: parasitaemia %(share_percent)s, the mean of the counts of %(one)s and %(other)s (%(readings)s; "
        "%(rule)s)."
    ),
    "final_share_of_species": mark(
        "Final result: parasitaemia %(share_percent)s, %(species)s, the mean of the counts of %(one)s and %(other)s "
        "(%(readings)s; %(rule)s)."
    ),
    "readings_not_complete": mark(
        "Several people read this slide without knowing of each other's result, and not all are done: this count is "
        "not final."
    ),
}
"""What the blinded readings of a slide come to."""

SENTENCES: Mapping[str, str] = {
    **_QUALITY,
    **_NOTES,
    **_COUNT,
    **_CORRECTION,
    **_DETECTION,
    **_READINGS,
    **ERRORS,
    # What a person wrote is in no catalogue.
    "as_written": "%(text)s",
}
"""By their codes."""
CODES = {sentence: code for code, sentence in _QUALITY.items()}
"""Of the quality gate's sentences, for what earlier versions kept without codes."""
