"""Motions of other formats than DeepMimic's: reading, retargeting, editing and writing them."""
