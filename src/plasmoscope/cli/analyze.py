"""``plasmoscope analyze``."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.table import Table

from plasmoscope.cli.console import console, errors, track
from plasmoscope.cli.options import (
    CountingViewsOption,
    LanguageOption,
    ModelOption,
    ProfileOption,
    ProfilesOption,
    ProviderOption,
    given_photographs,
    load_classifier,
    report_language,
)

if TYPE_CHECKING:
    from plasmoscope.analysis.results import Slide


def _check_also(also: list[str] | None) -> list[str]:
    if also:
        from plasmoscope.reports.formats import ON_REQUEST

        if unknown := sorted(set(also) - set(ON_REQUEST)):
            raise typer.BadParameter(f"{unknown[0]} is none of: {', '.join(ON_REQUEST)}")
    return also or []


def analyze(
    context: typer.Context,
    fields: Annotated[
        list[Path], typer.Argument(metavar="FIELD...", help="Photographs of one slide, or their folder or zip archive.")
    ],
    output: Annotated[Path, typer.Option(help="Folder for report, tables and pictures.")] = Path("analysis"),
    slide: Annotated[str, typer.Option(help="The slide's ID.")] = "slide",
    patient: Annotated[str | None, typer.Option(help="The patient's ID.")] = None,
    red_cells: Annotated[float | None, typer.Option(help="Measured red cells per microlitre, such as 4500000.")] = None,
    haematocrit: Annotated[float | None, typer.Option(help="Haematocrit in percent, such as 42.")] = None,
    enough: Annotated[int, typer.Option(min=1, help="Red cells to count before the advice is to stop.")] = 1_000,
    precision: Annotated[
        float, typer.Option(min=0.01, max=1, help="Go on advising to count until the interval reaches no farther.")
    ] = 0.25,
    override_gate: Annotated[
        bool, typer.Option("--override-gate", help="Count fields that fail the quality gate too; this is recorded.")
    ] = False,
    count_repeats: Annotated[
        bool,
        typer.Option(
            "--count-repeats", help="Count photographs too that show the same place as another; this is recorded."
        ),
    ] = False,
    model: ModelOption = None,
    provider: ProviderOption = None,
    threshold: Annotated[
        float | None,
        typer.Option(min=0, max=1, help="Call a cell infected from here on (default: the model's for counting)."),
    ] = None,
    tta: CountingViewsOption = None,
    performance: Annotated[
        Path | None,
        typer.Option(
            help="What 'evaluate-fields' measured on your laboratory's slides; corrects the count for wrong calls."
        ),
    ] = None,
    profile: ProfileOption = None,
    profiles: ProfilesOption = None,
    also: Annotated[
        list[str] | None,
        typer.Option(callback=_check_also, help="Write this too, which takes much room: 'ome' (OME-TIFF)."),
    ] = None,
    language: LanguageOption = "en",
    letterhead: Annotated[
        Path | None,
        typer.Option(help="TOML with your laboratory's name, address and logo, for the head of the report."),
    ] = None,
) -> None:
    """Count the infected red cells of a slide from photographs of its fields, and write a report.

    The same command again goes on where an interrupted one stopped. Exit code 0: every field was read; 1: some could
    not be, or none could be counted; 2: nothing to do, or wrong use.
    """
    from plasmoscope.analysis.analyze import SlideOptions, analyze_slide
    from plasmoscope.analysis.finished_fields import DoneFields
    from plasmoscope.analysis.method import calling
    from plasmoscope.analysis.performance import read_performance
    from plasmoscope.files import alone_in
    from plasmoscope.i18n.languages import letters_of
    from plasmoscope.imaging.pages import with_pages
    from plasmoscope.imaging.photograph import photograph_hashes, read_field
    from plasmoscope.reports.bundle import write_slide
    from plasmoscope.reports.folder import check_slide_folder
    from plasmoscope.reports.fonts import can_show, fonts_to_install
    from plasmoscope.reports.formats import USUAL
    from plasmoscope.reports.letterhead import read_letterhead

    chosen = report_language(language)
    head = read_letterhead(letterhead) if letterhead else None
    sources = with_pages(given_photographs(fields))
    if not sources:
        errors.print("There are no pictures in what you gave. Name photographs of fields, or the folder of a slide.")
        raise typer.Exit(2)
    context.with_resource(alone_in(output))
    check_slide_folder(output, slide, patient, photograph_hashes(sources))
    classifier = load_classifier(model, "fields", profile, profiles)
    options = SlideOptions(
        slide=slide,
        patient=patient,
        red_cells_per_ul=red_cells,
        haematocrit_percent=haematocrit,
        threshold=threshold,
        views=tta,
        override_gate=override_gate,
        count_repeats=count_repeats,
        enough_cells=enough,
        precision=precision,
        performance=read_performance(performance) if performance else None,
    )
    how = calling(classifier, options.threshold, options.views)
    done = DoneFields(output / ".done", classifier.card.sha256, how, override_gate)
    try:
        result = analyze_slide(sources, classifier, options, track, done.kept, done.keep)
    except KeyboardInterrupt:
        errors.print("Stopped. The same command goes on from here.")
        raise
    pictures = {field.name: source for field, source in zip(result.fields, sources, strict=True)}
    formats = (*USUAL, *(also or ()))
    write_slide(output, result, lambda field: read_field(pictures[field.name]), formats, track, chosen, head)
    _show_fields(result)
    if repeats := sum(bool(field.duplicate_of) and not field.accepted for field in result.fields):
        console.print(
            f"Photographs of a place that another one shows, and that are not counted: {repeats:,}. If they show "
            "different places, the same command with --count-repeats counts them."
        )
    _show_count(result)
    if result.not_a_cell:
        console.print(
            f"Left out of the count, since the model says that they are no red cells or that it cannot tell: "
            f"{result.not_a_cell:,} objects, drawn dashed under a question mark. Look at them yourself."
        )
    console.print(f"Report, tables and pictures: {output}")
    if not can_show(chosen):
        fonts = " and ".join(fonts_to_install(letters_of(chosen.code)))
        console.print(f"The PDF and the pictures are in English, for this computer lacks a font: install {fonts}.")
    console.print(result.research_use)
    if result.count is None or any(field.error for field in result.fields):
        raise typer.Exit(1)


def _show_count(result: "Slide") -> None:
    from plasmoscope.i18n.languages import ENGLISH
    from plasmoscope.i18n.words import without_marks
    from plasmoscope.reports.wording import ReportWords

    count = result.count
    if count is None:
        console.print("[bold]No field could be counted.[/] What to do about each stands beside it.")
        return
    words = ReportWords(ENGLISH)
    console.print(f"[bold]{escape(count.statement)}[/]")
    console.print(f"Parasites per microlitre rest on a red-cell count that is {count.red_cells_basis}.")
    corrected = words.corrected_line(count)
    console.print(without_marks(f"{corrected.name}: {corrected.value}. {escape(corrected.remark)}"))
    if count.detection:
        console.print(f"What this count can tell: {escape(count.detection.statement)}")
    for line in words.possible_lines(result):
        console.print(without_marks(f"{line.name}: {line.value}. {line.remark}"))
    if count.advice:
        console.print(count.advice)


def _show_fields(result: "Slide") -> None:
    from plasmoscope.analysis.calls import OTHER_OBJECTS
    from plasmoscope.i18n.words import english

    # What was seen nowhere takes no room.
    others = {kind: call for kind, call in OTHER_OBJECTS.items() if any(field.count(kind) for field in result.fields)}
    names = (call.plural.replace("_", " ") for call in others.values())
    table = Table("field", "red cells", "infected", *names, "cannot tell", "note")
    for field in result.fields:
        note = field.error or "; ".join(map(english, field.objections or field.warnings))
        counts = (field.counted, field.infected, *map(field.count, others), field.not_a_cell)
        table.add_row(escape(field.name), *(str(count) if field.accepted else "-" for count in counts), escape(note))
    console.print(table)
