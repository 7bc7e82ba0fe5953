"""Stands in for the package `deepmimic` in tests, on the path of those that ask for it."""
