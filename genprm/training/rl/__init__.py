"""Reinforcement learning of the verifier: what it wrote is made more probable where it judged rightly."""
