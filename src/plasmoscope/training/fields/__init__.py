"""Training the network that reads whole fields: scenes with known truth, targets, the network, its run."""
