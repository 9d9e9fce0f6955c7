"""The uninfected cells of a field as its control."""

import numpy as np

from plasmoscope.classification.control import controlled, level


def _probabilities(log_odds: list[float]) -> np.ndarray:
    return np.asarray(1 / (1 + np.exp(-np.array(log_odds))), np.float32)


def _log_odds(probabilities: np.ndarray) -> np.ndarray:
    return np.asarray(np.log(probabilities / (1 - probabilities)))


def test_a_field_whose_cells_all_look_more_infected_is_brought_to_the_usual_level() -> None:
    raised = _probabilities([-2.0] * 3_000 + [4.0])
    told = controlled(raised, raised, usual=-5.0)
    np.testing.assert_allclose(_log_odds(told), [-4.97] * 3_000 + [1.03], atol=0.02)


def test_a_field_at_the_usual_level_stays_as_it_is() -> None:
    usual = _probabilities([-5.0] * 300 + [4.0])
    np.testing.assert_allclose(controlled(usual, usual, usual=-5.0), usual, atol=1e-5)


def test_a_handful_of_cells_says_little_of_their_field() -> None:
    few = _probabilities([-2.0] * 3)
    assert np.all(_log_odds(controlled(few, few, usual=-5.0)) > -2.3)


def test_parasites_are_no_control_however_many_they_are() -> None:
    full = _probabilities([-5.0] * 10 + [5.0] * 90)
    np.testing.assert_allclose(controlled(full, full, usual=-5.0), full, atol=1e-5)
    without_control = _probabilities([5.0] * 90)
    np.testing.assert_array_equal(controlled(without_control, without_control, usual=-5.0), without_control)
    assert level(without_control) is None


def test_a_model_without_a_usual_level_takes_fields_as_they_are() -> None:
    raised = _probabilities([-2.0] * 300)
    np.testing.assert_array_equal(controlled(raised, raised, usual=None), raised)
