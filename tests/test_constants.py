"""Numbers that stand for themselves in the code tell what they count, or where they come from."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

SOURCE = Path(__file__).resolve().parent.parent / "src" / "plasmoscope"
# Names that say it themselves.
TELLING = re.compile(r"_SECONDS$|_BYTES$|_AT_ONCE$|VERSION$|SCHEMA$|_INK$|_PAPER$")


def is_number(value: ast.expr | None) -> bool:
    """Whether an expression is a number, or several."""
    match value:
        case ast.Constant(bool()):
            return False
        case ast.Constant(int() | float()):
            return True
        case ast.Tuple(elts) | ast.List(elts):
            return bool(elts) and all(map(is_number, elts))
        case ast.UnaryOp(operand=operand):
            return is_number(operand)
        case ast.BinOp(left=left, right=right):
            return is_number(left) and is_number(right)
    return False


def constants(text: str) -> Iterator[tuple[str, bool]]:
    """Names of a module's numbers, and whether a comment or a docstring stands with them."""
    lines, body = text.splitlines(), ast.parse(text).body
    for place, statement in enumerate(body):
        match statement:
            case ast.Assign(targets=[ast.Name(name)], value=value) | ast.AnnAssign(target=ast.Name(name), value=value):
                if not name.isupper() or not is_number(value):
                    continue
            case _:
                continue
        match body[place + 1 : place + 2]:
            case [ast.Expr(ast.Constant(str()))]:
                yield name, True
                continue
        # A comment above several of them is for all.
        above = statement.lineno - 2
        while above > 0 and re.match(r"\w+(: .+)? = ", lines[above]):
            above -= 1
        yield name, "#" in lines[(statement.end_lineno or 0) - 1] or lines[above].startswith("#")


def test_every_number_in_the_code_tells_its_unit_or_its_source() -> None:
    silent = [
        f"{file.relative_to(SOURCE)}: {name}"
        for file in sorted(SOURCE.rglob("*.py"))
        for name, told in constants(file.read_text("utf-8"))
        if not told and not TELLING.search(name)
    ]
    assert not silent


def test_a_number_without_a_word_is_noticed() -> None:
    told = "# Pixels.\nLEFT = 3\nTOP = 4\n\nSIDES = (1, 2)  # of it\n\nWIDTH: Final = -5.0\n'''In it.'''\n"
    assert [*constants(told)] == [("LEFT", True), ("TOP", True), ("SIDES", True), ("WIDTH", True)]
    assert [*constants("import numpy\n\nLEFT = 3 * 4\nNAMES = ('a', 1)\nwidth = 3\n")] == [("LEFT", False)]
