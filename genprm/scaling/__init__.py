"""Test-time scaling (paper 4.3): what more verification paths, or more solutions, buy."""
