"""The embedded core: DeepMimicCore in NumPy and numba."""
