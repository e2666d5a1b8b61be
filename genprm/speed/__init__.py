"""Measurements of speed and cost, as ratios within one run: one module per part of the package that is measured."""
