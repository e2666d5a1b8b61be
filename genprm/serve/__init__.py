"""The reward server: a reward model behind HTTP."""
