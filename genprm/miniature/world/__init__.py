"""The synthetic world of the miniature: names, problems, solutions, and the program that judges solutions."""
