"""From a field to its objects: red cells apart from each other, white cells, platelets, precipitate."""
