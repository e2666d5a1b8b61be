"""Predictions on labelled solutions, and their metrics (paper 5.2)."""
