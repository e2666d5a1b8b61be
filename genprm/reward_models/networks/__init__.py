"""Networks of reward models in this process: weights by their published names, forward passes, heads."""
