"""Explanations point at the parasite, and less so those of a network that knows none."""

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from plasmoscope import Classifier
from plasmoscope.classification.card import ModelCard
from plasmoscope.classification.classifier import find_model
from plasmoscope.evaluation.explanations import InfectedCell, infected_cells, play_pointing_game, shuffle_weights
from plasmoscope.networks import read_network
from plasmoscope.synthetic.rendering import SyntheticField, crop_cell, crop_parasite, render_field


@pytest.fixture(scope="module")
def field() -> SyntheticField:
    return render_field(1, cells=40, parasitaemia=0.5)


@pytest.fixture(scope="module")
def cells(field: SyntheticField) -> list[InfectedCell]:
    return infected_cells(field)[:6]


def test_the_place_of_a_rendered_parasite_is_known(field: SyntheticField) -> None:
    for index, cell in enumerate(field.cells):
        if not cell.whole:
            continue
        image, parasite = crop_cell(field, index), crop_parasite(field, index)
        assert parasite.shape == image.shape[:2]
        # One may show beneath a neighbour's edge.
        if cell.infected:
            assert 0 < parasite.mean() < 0.5
            body = image.any(axis=2) & ~parasite
            assert image[parasite][:, 1].min() < np.quantile(image[body][:, 1], 0.05), "its chromatin is the darkest"
        elif not cell.overlaps:
            assert not parasite.any()


def test_explanations_point_at_the_parasite_and_those_of_a_shuffled_network_less(cells: list[InfectedCell]) -> None:
    network, card = read_network(find_model(None), ModelCard)
    game = play_pointing_game(Classifier(network, card, threads=1), cells)
    assert game.cells == len(cells) == 6
    assert game.pointed >= 5
    assert game.chance < 0.4
    shuffled = play_pointing_game(Classifier(shuffle_weights(network), card, threads=1), cells)
    assert shuffled.pointed < game.pointed
    assert shuffled.chance == game.chance


def test_shuffled_weights_are_the_same_numbers_elsewhere() -> None:
    network, _ = read_network(find_model(None), ModelCard)
    before, after = (onnx.load_from_string(some).graph.initializer for some in (network, shuffle_weights(network)))
    moved = 0
    for one, other in zip(before, after, strict=True):
        values, shuffled = numpy_helper.to_array(one), numpy_helper.to_array(other)
        assert (one.name, values.shape) == (other.name, shuffled.shape)
        assert np.array_equal(np.sort(values.ravel()), np.sort(shuffled.ravel()))
        moved += not np.array_equal(values, shuffled)
    assert moved > 10


def test_a_pointing_game_needs_cells(classifier: Classifier) -> None:
    with pytest.raises(ValueError, match="infected cells"):
        play_pointing_game(classifier, [])
