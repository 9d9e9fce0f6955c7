"""The record of every patient, slide, field and cell, and of every change; it knows nothing of the web."""
