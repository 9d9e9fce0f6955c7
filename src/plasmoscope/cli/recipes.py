"""``plasmoscope recipes``."""

from rich.table import Column, Table

from plasmoscope.cli.console import console


def recipes() -> None:
    """List the training recipes that come with Plasmoscope."""
    from plasmoscope.training.recipe import load_recipe, recipe_names

    headings = ("recipe", "what it is", "source", "published figure")
    table = Table(*(Column(heading, overflow="fold", no_wrap=heading == "recipe") for heading in headings))
    for name in recipe_names():
        recipe = load_recipe(name)
        table.add_row(name, recipe.description, recipe.source, str(recipe.published))
    console.print(table)
