"""Synthetic thin-smear fields of view whose truth is known exactly."""
