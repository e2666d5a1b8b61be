"""Sets of step labels as others write them, and as this project reads them."""
