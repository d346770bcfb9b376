"""Measure darkroom against the physical limit and against others; not part of the package."""
