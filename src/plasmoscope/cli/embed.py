"""``plasmoscope embed``."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from plasmoscope.cli.console import console, tell_unread, track
from plasmoscope.cli.options import CellsArgument, ModelOption, ViewsOption, given_images


def embed(
    paths: CellsArgument,
    output: Annotated[Path, typer.Option(help="File to write: FILE.npz or FILE.parquet.")],
    model: ModelOption = None,
    layer: Annotated[
        Literal["last", "middle"],
        typer.Option(
            help="What the last linear layer takes, or the means of the maps halfway, which tell more of stain."
        ),
    ] = "last",
    tta: ViewsOption = 1,
    isolate: Annotated[
        bool, typer.Option("--isolate", help="Cut each cell out of its clear background first, for pictures on white.")
    ] = False,
) -> None:
    """Write an embedding of each cell beside its name: a vector of what the network sees in it.

    Exit code 0: every file was read; 1: some could not be; 2: nothing to do, or wrong use.
    """
    from plasmoscope.classification.embedding import Embedder, embed_sources
    from plasmoscope.reports.embeddings import SUFFIXES, write_embeddings
    from plasmoscope.reports.output import check_output

    check_output(output, SUFFIXES)
    sources = given_images(paths, output)
    embedder = Embedder.load(model, layer=layer)
    results = list(track(embed_sources(embedder, sources, tta, isolate), len(sources), "Embedding cells"))
    read = [result for result in results if result.error is None]
    for result in results:
        if result.error is not None:
            tell_unread(result.name, result.error)
    write_embeddings(output, read, embedder.classifier.card)
    console.print(
        f"{len(read):,} cells embedded, {len(results) - len(read):,} files could not be read. "
        f"Numbers of each cell: {embedder.width:,}. Written to {output}."
    )
    if len(read) < len(results):
        raise typer.Exit(1)
