"""The embedded core: DeepMimicCore on MuJoCo and numba."""
