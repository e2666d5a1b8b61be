"""Domains: what the method has to know about a field of problems; the paper's domain is mathematics."""
