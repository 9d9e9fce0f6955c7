"""The NIH/NLM data set of segmented red cells: reading, checking, splitting, caching, downloading."""
