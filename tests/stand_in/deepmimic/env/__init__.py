"""Stands in for DeepMimic's Python."""
