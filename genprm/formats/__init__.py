"""Formats of third-party sets of step labels: how rows are read, and how they are written again."""
