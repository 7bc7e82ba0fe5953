"""Cores around simulators that are not ours."""
