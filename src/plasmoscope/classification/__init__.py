"""From prepared cells to calibrated probabilities; needs no torch."""
