"""Draws shapes with MuJoCo's renderer in whatever OpenGL context is current.

DeepMimic's world is y-up, the renderer's z-up; here one becomes the other.
"""

import dataclasses
import math
from collections.abc import Iterable, Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from dm_deepmimic import rotations
from dm_deepmimic.arrays import Array
from dm_deepmimic.character import BOX, CAPSULE, CYLINDER, DEFAULT_COLOR, SPHERE
from dm_deepmimic.rendering import process
from dm_deepmimic.rendering.renderer import mujoco
from dm_deepmimic.shapes import ARROW, Role, Shape

Ghost = Literal["off", "over", "beside"]
PictureMode = Literal["rgb_array", "depth_array", "segmentation"]

GHOSTS: tuple[Ghost, ...] = ("off", "over", "beside")
COLORS = {  # red, green, blue, opacity
    Role.BODY: DEFAULT_COLOR,  # of bodies without one of their own
    Role.REFERENCE: (0.91, 0.62, 0.25, 0.45),
    Role.BALL: (0.93, 0.90, 0.85, 1.0),
    Role.BOX: (0.74, 0.45, 0.28, 1.0),
    Role.TARGET: (0.85, 0.25, 0.22, 0.6),
    Role.REACHED: (0.30, 0.65, 0.35, 0.6),
    Role.CONTACT: (0.98, 0.80, 0.20, 1.0),
    Role.HEADING: (0.30, 0.65, 0.35, 0.8),
    Role.PUSH: (0.85, 0.25, 0.22, 0.9),
}
SOLID = (Role.BODY, Role.BALL, Role.BOX)
GHOST_DISTANCE = 1.0  # of the reference character, when beside [m]
MAX_SHAPES = 1000
SAMPLES = 4  # of a pixel
NEAR, FAR = 0.01, 60.0  # of what is drawn [m]
SKY_FLAG = int(mujoco.mjtRndFlag.mjRND_SKYBOX)
ID_FLAGS = [int(mujoco.mjtRndFlag.mjRND_SEGMENT), int(mujoco.mjtRndFlag.mjRND_IDCOLOR)]
LAMP_DISTANCE = 6.0  # [m]
TO_Z_UP = np.array([math.sqrt(0.5), math.sqrt(0.5), 0.0, 0.0])
TO_Z_UP_BACK = TO_Z_UP * (1.0, -1.0, 1.0, 1.0)
_STAGE = """
<mujoco>
  <visual>
    <headlight ambient=".36 .36 .36" diffuse=".24 .24 .24" specular=".1 .1 .1"/>
    <global offwidth="{width}" offheight="{height}"/>
    <quality shadowsize="2048" offsamples="{samples}"/>
    <map znear="{near}" zfar="{far}" shadowclip="4" fogstart="12" fogend="40"/>
    <rgba haze=".86 .89 .92 1"/>
  </visual>
  <statistic extent="1"/>
  <asset>
    <texture type="skybox" builtin="gradient" rgb1=".97 .98 .99" rgb2=".80 .85 .90" width="64"
      height="384"/>
    <texture name="tiles" type="2d" builtin="checker" rgb1=".80 .82 .84" rgb2=".70 .73 .76"
      width="512" height="512" mark="edge" markrgb=".66 .69 .72"/>
    <material name="tiles" texture="tiles" texuniform="true" texrepeat=".5 .5" specular="0"/>
  </asset>
  <worldbody>
    <light directional="true" pos="0 0 6" dir="-.35 .45 -1" diffuse=".5 .5 .5"
      specular=".2 .2 .2" castshadow="true"/>
    <geom type="plane" size="0 0 1" material="tiles"/>
  </worldbody>
</mujoco>
"""


@dataclasses.dataclass(frozen=True)
class Camera:
    """Where to look from.

    Attributes:
        azimuth: Direction of the view about y, 90 looks along -z, at the right side of what walks
            along x [deg].
        elevation: Above 0 looks up [deg].
        distance: From what is looked at [m]; None for one at which the character fits.
        focus: What is looked at, y up [m]; None follows the character.
    """

    azimuth: float = 110.0
    elevation: float = -12.0
    distance: float | None = None
    focus: tuple[float, float, float] | None = None


CAMERAS = {
    "angle": Camera(),
    "side": Camera(azimuth=90.0, elevation=-6.0),
    "front": Camera(azimuth=180.0, elevation=-6.0),
    "back": Camera(azimuth=0.0, elevation=-12.0),
    "top": Camera(azimuth=90.0, elevation=-89.0),
}
FIT = 2.1  # distance of a camera for a character of height 1
HEIGHT = 0.44  # of the humanoid, by the sum of its bodies' lengths


def z_up(point: npt.ArrayLike) -> Array:
    """Returns a point (x, y, z) of a y-up world in the renderer's."""
    x, y, z = np.asarray(point, np.float64)
    return np.array([x, -z, y])


def y_up(point: npt.ArrayLike) -> Array:
    """Returns a point of the renderer in the y-up world."""
    x, y, z = np.asarray(point, np.float64)
    return np.array([x, z, -y])


def character_centre(shapes: Iterable[Shape]) -> Array:
    """Returns where the root of the character is, the origin without one, y up [m]."""
    return next((shape.position for shape in shapes if shape.role is Role.BODY), np.zeros(3))


def character_height(shapes: Iterable[Shape]) -> float:
    """Returns about how tall a character is, in whatever pose: a share of its bodies' lengths."""
    lengths = [
        float(shape.size.max()) + (float(shape.size[0]) if shape.kind == CAPSULE else 0.0)
        for shape in shapes
        if shape.role is Role.BODY
    ]
    return HEIGHT * sum(lengths) if lengths else 1.0


def visible(shapes: Iterable[Shape], ghost: Ghost, mode: PictureMode = "rgb_array") -> list[Shape]:
    """Returns the shapes with the reference character as asked for, and for depth and segmentation
    without marks, which are no things.
    """
    shown = set(Role) if mode == "rgb_array" else {*SOLID, Role.REFERENCE}
    if ghost == "off":
        shown.discard(Role.REFERENCE)
    offset = np.array([0.0, 0.0, -GHOST_DISTANCE if ghost == "beside" else 0.0])
    return [
        shape._replace(position=shape.position + offset) if shape.role is Role.REFERENCE else shape
        for shape in shapes
        if shape.role in shown
    ]


class Painter:
    """Draws into the OpenGL context that is current when it is made, drawn with and closed."""

    def __init__(self, width: int, height: int) -> None:
        """Prepares the context.

        Args:
            width: Of the largest picture to read [pixels].
            height: Likewise.

        Raises:
            CoreError: The process was forked from one that had drawn.
        """
        process.claim()
        stage = _STAGE.format(width=width, height=height, samples=SAMPLES, near=NEAR, far=FAR)
        self._model = mujoco.MjModel.from_xml_string(stage)
        self._data = mujoco.MjData(self._model)
        mujoco.mj_forward(self._model, self._data)
        self._options = mujoco.MjvOption()
        self._scene = mujoco.MjvScene(self._model, MAX_SHAPES + 1)
        self._context = mujoco.MjrContext(self._model, mujoco.mjtFontScale.mjFONTSCALE_100)
        self._context.readDepthMap = mujoco.mjtDepthMap.mjDEPTH_ZEROFAR

    def draw(
        self,
        shapes: Sequence[Shape],
        camera: mujoco.MjvCamera,
        width: int,
        height: int,
        buffer: mujoco.mjtFramebuffer = mujoco.mjtFramebuffer.mjFB_WINDOW,
        mode: PictureMode = "rgb_array",
    ) -> None:
        """Draws the shapes on a floor.

        Args:
            shapes: What to draw.
            camera: Where from, z up.
            width: Of the picture [pixels].
            height: Likewise.
            buffer: The window's, or one of the context's own.
            mode: What will be read of it.

        Raises:
            CoreError: The process was forked from one that had drawn.
        """
        process.claim()
        mujoco.mjr_setBuffer(buffer, self._context)
        mujoco.mjv_updateScene(
            self._model, self._data, self._options, None, camera, mujoco.mjtCatBit.mjCAT_ALL,
            self._scene,
        )  # fmt: skip
        self._num_stage_geoms = self._scene.ngeom
        for geom in self._scene.geoms[: self._num_stage_geoms]:
            geom.category = mujoco.mjtCatBit.mjCAT_DECOR  # which casts no shadow on itself
        lamp = self._scene.lights[self._scene.nlight - 1]  # the headlight comes first
        lamp.pos[:] = camera.lookat - LAMP_DISTANCE * lamp.dir
        for shape in shapes[: MAX_SHAPES - self._scene.ngeom]:
            self._add(shape)
        is_bare = mode != "rgb_array"
        for geom in self._scene.geoms[: self._scene.ngeom if is_bare else 0]:
            geom.rgba[3] = 1.0  # what one sees through has a depth, too
        self._scene.flags[ID_FLAGS] = is_bare  # which also take one sample of a pixel, its middle
        self._scene.flags[SKY_FLAG] = not is_bare  # the sky has a depth
        mujoco.mjr_render(mujoco.MjrRect(0, 0, width, height), self._scene, self._context)

    def body_at(
        self, shapes: Sequence[Shape], camera: mujoco.MjvCamera, width: int, height: int,
        x: int, y: int,
    ) -> int:  # fmt: skip
        """Returns the character's body at a pixel from the top left, -1 where there is none."""
        self.draw(shapes, camera, width, height, mode="segmentation")
        return int(self._read_bodies(mujoco.MjrRect(x, height - 1 - y, 1, 1))[0, 0])

    def write(
        self, left: str, right: str, corner: mujoco.mjtGridPos, width: int, height: int
    ) -> None:
        """Writes two columns of lines into a corner of the picture."""
        mujoco.mjr_overlay(
            mujoco.mjtFont.mjFONT_NORMAL, corner, mujoco.MjrRect(0, 0, width, height), left, right,
            self._context,
        )  # fmt: skip

    def plot(
        self, figure: mujoco.MjvFigure, left: int, bottom: int, width: int, height: int
    ) -> None:
        """Draws a plot into a part of the picture [pixels]."""
        mujoco.mjr_figure(mujoco.MjrRect(left, bottom, width, height), figure, self._context)

    def read(self, width: int, height: int, mode: PictureMode) -> npt.NDArray[Any]:
        """Returns the picture that was drawn in a mode, from the top down.

        Returns:
            Colours, shape `(height, width, 3)`, type uint8; how far ahead of the camera what is
            seen is, infinite where nothing is, shape `(height, width)`, type float32 [m]; or the
            character's bodies, -1 where none is, likewise, type int32.
        """
        place = mujoco.MjrRect(0, 0, width, height)
        if mode == "depth_array":
            pictured: npt.NDArray[Any] = self._read_depth(place)
        elif mode == "segmentation":
            pictured = self._read_bodies(place)
        else:
            pictured = self._read_colors(place)
        return pictured[::-1].copy()

    def drag(self, place: Array, right: float, up: float) -> Array:
        """Returns how far a point moves when it is dragged across the latest picture, z up [m].

        Args:
            place: The point, z up [m].
            right: Way to the right, in heights of the picture.
            up: Way up, likewise.
        """
        view = self._scene.camera[0]
        forward, above = np.array(view.forward, float), np.array(view.up, float)
        depth = float((place - view.pos) @ forward)
        height = depth * (view.frustum_top - view.frustum_bottom) / view.frustum_near
        return height * (right * np.cross(forward, above) + up * above)

    def close(self) -> None:
        """Frees what the context holds, in the process that it is of."""
        if process.is_ours():
            self._context.free()

    def _read_colors(self, place: mujoco.MjrRect) -> npt.NDArray[np.uint8]:
        pixels = np.zeros((place.height, place.width, 3), np.uint8)
        mujoco.mjr_readPixels(pixels, None, place, self._context)
        return pixels

    def _read_depth(self, place: mujoco.MjrRect) -> npt.NDArray[np.float32]:
        pixels = np.zeros((place.height, place.width), np.float32)  # 1 at NEAR, 0 at FAR
        mujoco.mjr_readPixels(None, pixels, place, self._context)
        inverse = 1.0 / FAR + pixels.astype(np.float64) * (1.0 / NEAR - 1.0 / FAR)
        return np.where(pixels > 0.0, 1.0 / inverse, np.inf).astype(np.float32)

    def _read_bodies(self, place: mujoco.MjrRect) -> npt.NDArray[np.int32]:
        bodies = np.full(MAX_SHAPES + 2, -1, np.int32)  # by the number of a shape, from 1
        for geom in self._scene.geoms[self._num_stage_geoms : self._scene.ngeom]:
            bodies[geom.segid + 1] = geom.dataid
        numbers = self._read_colors(place) @ np.array([1, 256, 65536])
        return np.take(bodies, numbers, mode="clip")

    def _add(self, shape: Shape) -> None:
        geom = self._scene.geoms[self._scene.ngeom]
        turn = np.array(rotations.multiply(TO_Z_UP, shape.rotation))
        x, y, z = 0.5 * shape.size
        kind, size = {
            SPHERE: (mujoco.mjtGeom.mjGEOM_SPHERE, (x, x, x)),
            BOX: (mujoco.mjtGeom.mjGEOM_BOX, (x, y, z)),
            CAPSULE: (mujoco.mjtGeom.mjGEOM_CAPSULE, (x, y, x)),
            CYLINDER: (mujoco.mjtGeom.mjGEOM_CYLINDER, (x, y, x)),
            ARROW: (mujoco.mjtGeom.mjGEOM_ARROW, (x, x, 4.0 * y)),  # drawn half as long
        }[shape.kind]
        if shape.kind in (CAPSULE, CYLINDER, ARROW):  # along y here, along z there
            turn = np.array(rotations.multiply(turn, TO_Z_UP_BACK))
        matrix = np.zeros(9)
        mujoco.mju_quat2Mat(matrix, turn)
        mujoco.mjv_initGeom(
            geom, kind, np.array(size), z_up(shape.position), matrix,
            np.array(COLORS[shape.role] if shape.color is None else shape.color, np.float32),
        )  # fmt: skip
        is_solid = shape.role in SOLID
        geom.category = mujoco.mjtCatBit.mjCAT_DYNAMIC if is_solid else mujoco.mjtCatBit.mjCAT_DECOR
        geom.dataid = shape.body if shape.role is Role.BODY else -1
        geom.segid = self._scene.ngeom
        geom.specular, geom.shininess = 0.3, 0.4
        self._scene.ngeom += 1


def place_camera(camera: Camera, shapes: Sequence[Shape], out_camera: mujoco.MjvCamera) -> None:
    """Writes the renderer's camera.

    Args:
        camera: What was asked for.
        shapes: The scene.
        out_camera: Where to write.
    """
    height = character_height(shapes)
    out_camera.type = mujoco.mjtCamera.mjCAMERA_FREE
    out_camera.azimuth, out_camera.elevation = camera.azimuth, camera.elevation
    out_camera.distance = FIT * height if camera.distance is None else camera.distance
    focus = camera.focus
    if focus is None:
        x, _, z = character_centre(shapes)
        focus = (x, 0.5 * height, z)
    out_camera.lookat[:] = z_up(focus)
