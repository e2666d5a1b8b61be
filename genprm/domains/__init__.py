"""Domains: what the method has to know of a field of problems; mathematics is the paper's."""
