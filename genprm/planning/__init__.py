"""What a profile will cost, before it is spent: from stated assumptions, or from a pilot on a few problems."""
