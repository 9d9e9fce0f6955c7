"""What the pages' scripts say, in the reader's language."""

from fastapi import Request

from plasmoscope.analysis.calls import INFECTED, NOT_TOLD, UNINFECTED
from plasmoscope.messages import mark
from plasmoscope.web.i18n.reader import reader_words

# By the name that the scripts know it by.
_MESSAGES = {
    "waiting": mark("Waiting"),
    "sending": mark("Being sent"),
    "cancel": mark("Cancel"),
    "close": mark("Close"),
    "failed": mark("This did not work"),
    "offline": mark("The workstation cannot be reached. Check that it runs, and try again."),
    "resuming": mark("The connection is lost. Sending goes on by itself once it is back."),
    "camera": mark("No camera can be used. Check that one is connected and that the browser may use it."),
    "notCounted": mark("Not counted"),
    "working": mark("Please wait ..."),
    "heat": mark("Yellow: what the call rests on most; dark blue: least."),
    "nowhere": mark("No single place decides: the call rests on the cell as a whole."),
    "polygon": mark("Drag around the cell."),
    "ellipse": mark("Drag from one corner of the cell to the opposite one."),
    "split": mark("Drag a line across the cell."),
    "join": mark("Choose the pieces, then press Join again."),
    "infected": INFECTED.message,
    "uninfected": UNINFECTED.message,
    "notTold": NOT_TOLD.message,
}


def script_messages(request: Request) -> dict[str, str]:
    """What the scripts say to whoever sent this request, by the name that they know it by."""
    words = reader_words(request)
    said = {name: words.say(message) for name, message in _MESSAGES.items()}
    # The script puts the numbers in.
    seen = words.say(mark("%(infected)s of %(counted)s cells infected"), infected="{infected}", counted="{counted}")
    return said | {"seen": seen}
