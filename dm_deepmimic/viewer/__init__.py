"""The standalone viewer: its program, playback, policies and video."""
