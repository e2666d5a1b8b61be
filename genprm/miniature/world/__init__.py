"""The synthetic world of the miniature: names, problems, solutions, and who judges them truly."""
