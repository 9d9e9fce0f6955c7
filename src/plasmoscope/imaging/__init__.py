"""From files to pixels: finding images, reading them safely, preparing them for a network."""
