"""Photographs that wait for analysis, and the processes that analyse them."""
