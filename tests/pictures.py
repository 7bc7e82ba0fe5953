"""Pictures of shapes, and where the colours are in them."""

import numpy as np

from dm_deepmimic.rendering import offscreen

SIZE = 160, 120


def picture(seen, camera=None, mode="rgb_array") -> np.ndarray:
    """Returns a picture of shapes, shape `(120, 160, 3)` or `(120, 160)`."""
    with offscreen.Renderer(*SIZE) as renderer:
        pixels = renderer.render(seen, camera, mode)
    return pixels.astype(int) if mode == "rgb_array" else pixels


def blue(pixels: np.ndarray) -> np.ndarray:
    """Returns where the character's colour is."""
    return pixels[..., 2] - pixels[..., 0] > 0.14 * pixels[..., 2]


def orange(pixels: np.ndarray) -> np.ndarray:
    return pixels[..., 0] - pixels[..., 2] > 25
