"""``python -m plasmoscope``."""

from plasmoscope.cli import main

main()
