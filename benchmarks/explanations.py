"""How often explanations point at the parasite of rendered cells: the network's, and those of a shuffled one.

python benchmarks/explanations.py [--cells 60] [--shuffled 3] [--model runs/mine]
"""

import argparse
from itertools import count, islice

from plasmoscope import Classifier
from plasmoscope.classification.card import ModelCard
from plasmoscope.classification.classifier import find_model
from plasmoscope.evaluation.explanations import infected_cells, play_pointing_game, shuffle_weights
from plasmoscope.networks import read_network
from plasmoscope.synthetic.rendering import render_field


def main() -> None:
    """Print both rates, and that of pointing anywhere in the cell."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cells", type=int, default=60)
    parser.add_argument("--shuffled", type=int, default=3, help="networks with their weights in other random orders")
    parser.add_argument("--model", help="a run folder or .onnx file; the one that ships if left out")
    arguments = parser.parse_args()
    fields = (render_field(seed, cells=40, parasitaemia=0.5) for seed in count(1))
    cells = list(islice((cell for field in fields for cell in infected_cells(field)), arguments.cells))
    network, card = read_network(find_model(arguments.model), ModelCard)
    game = play_pointing_game(Classifier(network, card), cells)
    print(f"{card.name}: {game.pointed} of {game.cells} point at the parasite ({game.rate:.0%})", flush=True)
    for seed in range(arguments.shuffled):
        shuffled = play_pointing_game(Classifier(shuffle_weights(network, seed), card), cells)
        print(f"weights shuffled ({seed}): {shuffled.pointed} of {shuffled.cells} ({shuffled.rate:.0%})", flush=True)
    print(f"pointing anywhere in the cell: {game.chance:.0%}")


if __name__ == "__main__":
    main()
