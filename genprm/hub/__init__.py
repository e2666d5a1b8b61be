"""Checkpoints and data sets as directories for a model hub: the files to load them, and a card about them."""
