"""Step labels from Monte-Carlo scores (paper 4.2)."""
