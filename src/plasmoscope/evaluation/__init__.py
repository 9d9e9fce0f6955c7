"""How well a model does on labelled cells: figures with intervals, and pictures. Needs the extra ``train``."""
