"""Thousands of slides or millions of cells: cut into parts that are worked on by themselves, here or anywhere."""
