"""``plasmoscope doctor``, ``backup``, ``restore``, ``erase-deleted``, ``export-cells``, ``export-history``."""

from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from plasmoscope.cli.console import console, track
from plasmoscope.cli.options import DatabaseOption, RecordsOption
from plasmoscope.extras import require_extra

if TYPE_CHECKING:
    from plasmoscope.store.chain import Chain


def doctor(
    data: RecordsOption,
    database: DatabaseOption = None,
    audit_head: Annotated[
        str | None,
        typer.Option(help="The audit's hash that this command printed earlier: is what stood there then as it was?"),
    ] = None,
) -> None:
    """Compare the records with the photographs on disk, mend what a crash left behind, and check the audit.

    Exit code 0: all is well, or was mended; 1: photographs are missing or damaged and must be uploaded again, or the
    audit is not what was written.
    """
    require_extra("serve", "The record of slides")
    from plasmoscope.store.doctor import examine
    from plasmoscope.store.store import Store

    with closing(Store.existing(data, database)) as store:
        findings = examine(store, track, audit_head.strip().lower() if audit_head else None)
    for file in findings.orphans:
        console.print(f"Removed {escape(str(file))}: no slide needs it.")
    if findings.interrupted:
        console.print(f"In the queue again after an analysis that was cut off: {findings.interrupted} fields.")
    for place in findings.missing:
        console.print(f"The photograph {escape(place)} is missing; upload it again, or restore a backup.")
    for place in findings.damaged:
        console.print(f"The photograph {escape(place)} was altered and is set aside; upload it again.")
    _tell_of_audit(findings.audit)
    if findings.all_well:
        console.print("All is well.")
    if findings.missing or findings.damaged or not findings.audit.whole:
        raise typer.Exit(1)


def _tell_of_audit(audit: "Chain") -> None:
    if (broken := audit.broken) is not None:
        when = broken.at.isoformat(" ", "seconds")
        console.print(
            f"The audit was altered: entry {broken.number} ({when}, {escape(broken.who)}: {escape(broken.action)} "
            f"{escape(broken.subject)}) is not what was written, or an entry just before it was altered, put in or "
            f"taken out. The {audit.entries - 1:,} entries before it are as they were written. Compare a backup."
        )
    elif not audit.noted_is_there:
        console.print(
            "The audit was altered: the hash that you noted is none of its entries'. Since then entries were taken "
            "from its end, or all was written anew; or the hash is another database's. Compare a backup."
        )
    else:
        console.print(
            f"The audit's {audit.entries:,} entries follow from each other. The last one's hash: {audit.head}"
        )
        console.print(
            "Write it down elsewhere, and give it to --audit-head later: whoever may write to the database could make "
            "all entries anew, but not with that hash among them."
        )


def backup(
    output: Annotated[Path, typer.Argument(metavar="OUT", help="A new folder; it opens as --data does.")],
    data: RecordsOption,
    database: DatabaseOption = None,
) -> None:
    """Copy records and photographs into a new data folder; work may go on meanwhile."""
    require_extra("serve", "The record of slides")
    from plasmoscope.store.backup import back_up
    from plasmoscope.store.store import Store

    with closing(Store.existing(data, database)) as store:
        back_up(store, output, track)
    console.print(f"{escape(str(output))} holds a copy. Use it with --data, or keep it on another disk.")


def restore(
    backup: Annotated[Path, typer.Argument(metavar="BACKUP", help="A folder that `backup` wrote.")],
    data: RecordsOption,
    database: DatabaseOption = None,
) -> None:
    """Fill a new data folder, and an empty database where one is named, with all that a backup holds."""
    require_extra("serve", "The record of slides")
    from plasmoscope.store.backup import restore_backup
    from plasmoscope.store.store import Store

    with closing(Store.existing(backup)) as source, closing(Store(data, database)) as store:
        restore_backup(source, store, track)
    console.print(f"{escape(str(data))} holds all that {escape(str(backup))} held. Check it with: plasmoscope doctor")


def erase_deleted(
    data: RecordsOption,
    database: DatabaseOption = None,
    days: Annotated[float, typer.Option(min=0, max=36_500, help="Deleted so many days ago, or earlier.")] = 90,
    yes: Annotated[bool, typer.Option("--yes", help="Ask nothing.")] = False,
) -> None:
    """Erase deleted slides for good, with their photographs, calls and readings.

    They cannot be put back. The audit keeps what it says of them, and backups made before still hold them.
    """
    require_extra("serve", "The record of slides")
    from plasmoscope.store import erasing
    from plasmoscope.store.audit import COMMAND_LINE
    from plasmoscope.store.store import Store

    if not yes:
        typer.confirm(f"Erase for good all slides that were deleted {days:g} days ago or earlier?", abort=True)
    with closing(Store.existing(data, database)) as store:
        erased = erasing.erase_deleted(store, COMMAND_LINE, days, track)
    console.print(f"Erased {erased.slides} slides and {erased.photographs} photographs that no other slide shows.")


def export_cells(
    output: Annotated[Path, typer.Argument(metavar="OUT", help="Folder that becomes a data set in the NIH layout.")],
    data: RecordsOption,
    database: DatabaseOption = None,
) -> None:
    """Write every cell that a person called infected or not, as new training data; `train --data OUT` takes it."""
    require_extra("serve", "The record of slides")
    from plasmoscope.store.store import Store
    from plasmoscope.store.training_data import export_training_cells

    with closing(Store.existing(data, database)) as store, store.reading() as session:
        written = export_training_cells(session, store.images, output, track)
    console.print(f"{len(written)} cells that people called are in {escape(str(output))}.")


def export_history(
    output: Annotated[Path, typer.Argument(metavar="OUT", help="A table: .csv, or .parquet (plasmoscope[parquet]).")],
    data: RecordsOption,
    database: DatabaseOption = None,
    patient: Annotated[str, typer.Option(help="Only slides whose patient's code has this in it.")] = "",
    since: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Only slides from this day on.")] = None,
    until: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Only slides up to this day.")] = None,
) -> None:
    """Write all slides as a table, a row for each: when, whose, what was counted, who read and signed it."""
    require_extra("serve", "The record of slides")
    from plasmoscope.store.history import Search
    from plasmoscope.store.history_table import write_history
    from plasmoscope.store.store import Store

    search = Search(patient, since=since.date() if since else None, until=until.date() if until else None)
    with closing(Store.existing(data, database)) as store, store.reading() as session:
        write_history(session, search, output)
    console.print(f"The history is in {escape(str(output))}. It names patients' codes; keep it like the records.")
