"""Checkpoints and data sets as directories for a model hub: what loads them, and a card that says what they are."""
