"""The scenes of the embedded core, one file each."""
