"""The two classes of a red cell, in the one order used everywhere."""

# The order of the NIH folder names, and of every model's outputs.
CLASS_NAMES = ("Parasitized", "Uninfected")
# The positive class.
PARASITIZED = 0
