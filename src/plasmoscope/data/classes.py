"""Which classes a data set's labels are: the two that ship, under any of their usual names, or classes of one's own."""

from collections import Counter
from collections.abc import Iterable, Sequence

from plasmoscope.data.nih import DataError
from plasmoscope.labels import PARASITIZED, TWO_CLASSES, UNINFECTED, Classes, ClassesError

# What laboratories and data sets call the two classes.
_TWO = {
    **dict.fromkeys(("infected", "parasitized", "parasitised", "positive", "1"), PARASITIZED),
    **dict.fromkeys(("uninfected", "healthy", "negative", "0"), UNINFECTED),
}
# What is a parasite's stage or species wherever it is written, without what stands before it or a plural.
_PARASITES = {
    "ring", "ring form", "ring stage", "trophozoite", "schizont", "gametocyte", "late stage", "early stage", "parasite",
    "falciparum", "vivax", "ovale", "malariae", "knowlesi",
}  # fmt: skip
_BEFORE = ("plasmodium ", "p. ", "p ", "early ", "late ", "young ", "mature ")


def classes_of(labels: Iterable[str], positive: Sequence[str] = (), expected: Classes | None = None) -> Classes:
    """The classes of labels as they were written.

    Args:
        labels: of every picture.
        positive: classes that count as infected; without, known names tell.
        expected: those of a recipe or a model; they hold where every label is one of them.

    Raises:
        DataError: the labels do not tell which classes count as infected, or do not go with what is asked for; the
            message names the classes.
    """
    counts = Counter(labels)
    if expected is not None and expected.own and counts.keys() <= set(expected.names):
        if positive and set(positive) != set(expected.positive):
            raise DataError(
                f"What counts as infected was settled before: {', '.join(expected.positive)}, of the classes {expected}"
                f"; --positive says {', '.join(positive)}. Leave --positive out."
            )
        return expected
    if _are_the_two(counts, positive):
        return TWO_CLASSES
    listed = ", ".join(f"{name} ({number:,})" for name, number in sorted(counts.items()))
    if expected is not None and expected.own:
        raise DataError(
            f"The labels are not those of the recipe or the model, {expected}. Found: {listed or 'none'}. Name the "
            "classes as there, or give a recipe or model of these."
        )
    if not positive:
        positive = [name for name in counts if _index_in_two(name) == PARASITIZED or _is_parasite(name)]
        unknown = [name for name in counts if name not in positive and _index_in_two(name) is None]
        if unknown or not counts:
            raise DataError(
                f"Which classes count as infected? Say so with --positive NAME[,NAME]. Found: {listed or 'no labels'}."
            )
    try:
        return Classes(tuple(sorted(counts)), tuple(positive))
    except ClassesError as error:
        raise DataError(f"{error} Found: {listed}.") from error


def label_index(label: str, classes: Classes) -> int:
    """Place of a label among the classes that ``classes_of`` gave for it."""
    return _TWO[label.lower()] if classes == TWO_CLASSES else classes.names.index(label)


def check_all_there(found: Iterable[int], classes: Classes, where: object) -> None:
    """Refuse labels, as indices, that leave a class without a cell.

    Raises:
        DataError: naming the classes.
    """
    if missing := [classes.names[index] for index in sorted(set(range(len(classes.names))) - set(found))]:
        raise DataError(f"There is no cell of {' and '.join(missing)} in {where}. The classes are {classes}.")


def _are_the_two(labels: Iterable[str], positive: Sequence[str]) -> bool:
    """Whether labels are nothing but usual names of the two classes that ship, with their usual meaning."""
    known = {label: _index_in_two(label) for label in labels}
    if not known or None in known.values():
        return False
    return not positive or set(positive) == {label for label, index in known.items() if index == PARASITIZED}


def _index_in_two(label: str) -> int | None:
    return _TWO.get(label.lower())


def _is_parasite(label: str) -> bool:
    name = label.casefold().replace("_", " ").replace("-", " ").strip()
    return any(
        one in _PARASITES
        for start in ("", *_BEFORE)
        for one in (name.removeprefix(start), name.removeprefix(start).removesuffix("s"))
    )
