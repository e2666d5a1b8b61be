"""How a step is judged: the turn format, the rewards, one path, many paths, their vote (paper 4.2, 4.3)."""
