"""Solutions that came as free text, cut into steps."""
