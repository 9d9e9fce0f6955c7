"""Training, from recipes to exported models. Needs the extra ``train``; uses inference code, never the reverse."""
