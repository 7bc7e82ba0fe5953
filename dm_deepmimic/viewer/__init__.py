"""Seeing an environment: windows, a standalone viewer, pictures and video."""
