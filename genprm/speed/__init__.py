"""Measurements of speed and cost, as ratios within one run: one module per room that is measured."""
