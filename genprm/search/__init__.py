"""Searches for solutions step by step, guided by a judge; each method is one file (docs/search.md)."""
