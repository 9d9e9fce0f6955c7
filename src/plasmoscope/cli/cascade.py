"""``plasmoscope cascade``."""

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from plasmoscope.caches import open_cache
from plasmoscope.cli.console import console, track
from plasmoscope.cli.options import CacheOption, DataOption, given_cells
from plasmoscope.errors import PlasmoscopeError
from plasmoscope.extras import require_extra


def cascade(
    first: Annotated[str, typer.Argument(help="The small model: the name of one that ships, or an .onnx file.")],
    second: Annotated[str, typer.Argument(help="The large one, which is asked about the cells in doubt.")],
    data: DataOption,
    output: Annotated[Path, typer.Option(help="The cascade's card, for `classify --model`.")] = Path("cascade.json"),
    cache: CacheOption = None,
) -> None:
    """Make one model of two: a small network first, and a large one for the cells that it leaves in doubt."""
    require_extra("train", "Choosing what is in doubt")
    cache_folder = open_cache(cache)
    from plasmoscope.training.cascading import make_cascade

    if output.suffix != ".json" or output.exists():
        raise PlasmoscopeError(f"Give --output a name ending in .json that is not taken, not {output}.")
    card = make_cascade(first, second, output, given_cells(data), cache_folder, track)
    rule = card.cascade
    assert rule is not None
    console.print(
        f"{escape(second)} is asked where {escape(first)} gives a probability of {rule.doubtful_from:.3f} to "
        f"{rule.doubtful_to:.3f}: about {rule.doubtful_share:.1%} of cells. Chosen on {escape(rule.chosen_on)}."
    )
    console.print(
        f"On {escape(rule.measured_on)}: accuracy {rule.accuracy:.2%}, with {escape(second)} alone "
        f"{rule.accuracy_second:.2%}."
    )
    console.print(f"The cascade is written: {escape(str(output))}")
