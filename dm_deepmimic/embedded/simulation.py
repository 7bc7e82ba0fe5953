"""N simulated characters in MuJoCo: their state, PD targets, engine steps and ground contacts, one
update at a time.

An update is what the original's `Update(1/600)` does to a character: one stable PD torque, held
over the engine's substeps. The kernels take one world; the scene's kernels loop over worlds without
Python.
"""

import functools
from collections.abc import Sequence
from typing import NamedTuple, NoReturn

import mujoco
import numpy as np
import numpy.typing as npt

from dm_deepmimic import kinematics, rotations
from dm_deepmimic.arrays import write
from dm_deepmimic.character import FIXED, ROOT, SPHERICAL, Character, Controller, Skeleton
from dm_deepmimic.compiling import inlined, inner, jit
from dm_deepmimic.embedded import engine, model, stable_pd
from dm_deepmimic.embedded.engine import EngineArrays, Functions
from dm_deepmimic.embedded.model import Mechanism
from dm_deepmimic.kinematics import Frames
from dm_deepmimic.rotations import Vector

Array = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]
IntArray = npt.NDArray[np.int64]

CONTACT_DISTANCE = 1e-3  # a body this close to the ground touches it [m]
BALL_DAMPING = 0.4  # share of the ball's velocities that is lost in a second
MAX_BODY_SPEED = 100.0  # a component beyond it makes an episode invalid [m/s, rad/s]


class Scratch(NamedTuple):
    """Work arrays of one thread."""

    pd: stable_pd.Scratch
    torque: Array  # (V,)
    frames: Frames  # of the simulated character
    clip_frames: Frames  # of the kinematic character


class Simulation:
    """N worlds that share one MuJoCo model.

    Attributes:
        model: The MuJoCo model.
        data: One MjData a world.
        mechanism: Maps from joints to MuJoCo's arrays.
        functions: Addresses of MuJoCo's functions.
        pointers: Addresses of each world's arrays, see `engine.pointers`.
    """

    def __init__(
        self,
        character: Character,
        controller: Controller,
        num_worlds: int,
        *,
        timestep: float,
        gravity: tuple[float, ...],
        world_scale: float,
        self_collision: bool = True,
        ball_radius: float = 0.0,
    ) -> None:
        self._build_model = functools.partial(
            model.build_model,
            character,
            timestep=timestep,
            gravity=gravity,
            self_collision=self_collision,
            ball_radius=ball_radius,
        )
        self._build_mechanism = functools.partial(
            model.build_mechanism,
            character=character,
            controller=controller,
            world_scale=world_scale,
        )
        self._use(self._build_model(), num_worlds)
        self._sizes = self.model.nq, self.model.nv, self.model.nbody  # without boxes

    def replace_boxes(self, kept: Sequence[int], boxes: Sequence[model.Box]) -> None:
        """Changes which boxes there are beside the character of a single world.

        All else goes on as it was, the boxes that are kept too; new ones are at the origin.
        `model`, `data`, `mechanism`, `functions` and `pointers` are new.

        Args:
            kept: Of the present boxes those that stay, by number, in rising order.
            boxes: All boxes from now on, those that stay first.
        """
        old = self.data[0]
        self._use(self._build_model(boxes=boxes), 1)
        new = self.data[0]
        positions, dofs, bodies = self._sizes
        for field, first, width in (
            ("qpos", positions, 7),
            ("qvel", dofs, 6),
            ("qacc_warmstart", dofs, 6),
            ("xfrc_applied", bodies, 1),
        ):
            source, target = getattr(old, field), getattr(new, field)
            target[:first] = source[:first]
            for place, number in enumerate(kept):
                start, to = first + number * width, first + place * width
                target[to : to + width] = source[start : start + width]
        new.time = old.time
        mujoco.mj_forward(self.model, new)

    def _use(self, new_model: mujoco.MjModel, num_worlds: int) -> None:
        self.model = new_model
        self.mechanism = self._build_mechanism(new_model)
        self.functions = engine.functions(new_model)
        self.data = [mujoco.MjData(new_model) for _ in range(num_worlds)]
        self.pointers = engine.pointers(self.data)

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            "An environment cannot be copied or pickled: its kernels work on the engine's memory. "
            "Call dm_deepmimic.load or load_batch where it is needed."
        )


def make_scratch(skeleton: Skeleton, mechanism: Mechanism) -> Scratch:
    """Returns work arrays for one thread."""
    joints = len(skeleton.parent)
    return Scratch(
        stable_pd.make_scratch(mechanism),
        np.zeros(len(mechanism.dof_body)),
        kinematics.make_frames(joints),
        kinematics.make_frames(joints),
    )


@jit
def place_world(
    functions: Functions,
    skeleton: Skeleton,
    mechanism: Mechanism,
    row: IntArray,
    pose: Array,
    velocity: Array,
) -> None:
    """Puts a world's character into a pose and forgets everything else: contacts, warm starts,
    forces, time.
    """
    engine.call2(functions.reset, functions.model, row[-1])
    arrays = engine.engine_arrays(mechanism, row)
    for joint in range(len(skeleton.parent)):
        kind = skeleton.joint_type[joint]
        if kind == FIXED:
            continue
        offset, position = skeleton.pose_offset[joint], mechanism.qpos_address[joint]
        dof = mechanism.dof_address[joint]
        if kind == ROOT:
            write(arrays.qpos, position, pose[:7])
            write(arrays.qvel, dof, velocity[:3])
            spin = rotations.rotate(rotations.conjugate(pose[3:7]), velocity[3:6])
            for axis in range(3):
                arrays.qvel[dof + 3 + axis] = spin[axis]
        elif kind == SPHERICAL:
            write(arrays.qpos, position, pose[offset : offset + 4])
            write(arrays.qvel, dof, velocity[offset : offset + 3])
        else:
            arrays.qpos[position] = pose[offset]
            arrays.qvel[dof] = velocity[offset]


@inner
def read_world(
    skeleton: Skeleton, mechanism: Mechanism, row: IntArray, out_pose: Array, out_velocity: Array
) -> None:
    """Writes the pose and velocity of a world's character, DeepMimic's layout."""
    arrays = engine.engine_arrays(mechanism, row)
    for joint in range(len(skeleton.parent)):
        kind = skeleton.joint_type[joint]
        if kind == FIXED:
            continue
        offset, position = skeleton.pose_offset[joint], mechanism.qpos_address[joint]
        dof = mechanism.dof_address[joint]
        if kind == ROOT:
            write(out_pose, 0, arrays.qpos[position : position + 7])
            write(out_velocity, 0, arrays.qvel[dof : dof + 3])
            spin = rotations.rotate(out_pose[3:7], arrays.qvel[dof + 3 : dof + 6])
            for axis in range(3):
                out_velocity[3 + axis] = spin[axis]
            out_velocity[6] = 0.0
        elif kind == SPHERICAL:
            q = rotations.standardized(arrays.qpos[position : position + 4])
            for axis in range(4):
                out_pose[offset + axis] = q[axis]
            write(out_velocity, offset, arrays.qvel[dof : dof + 3])
            out_velocity[offset + 3] = 0.0
        else:
            out_pose[offset] = arrays.qpos[position]
            out_velocity[offset] = arrays.qvel[dof]


@inner
def place_ball(
    mechanism: Mechanism, row: IntArray, position: Vector, rotation: Vector, velocity: Vector
) -> None:
    """Puts a world's ball somewhere, with a velocity [m/s] and a spin [rad/s], shape `(6,)`."""
    arrays = engine.engine_arrays(mechanism, row)
    at, dof = mechanism.ball_qpos, mechanism.ball_dof
    spin = rotations.rotate(rotations.conjugate(rotation), velocity[3:6])
    for axis in range(3):
        arrays.qpos[at + axis] = position[axis]
        arrays.qvel[dof + axis] = velocity[axis]
        arrays.qvel[dof + 3 + axis] = spin[axis]
    for axis in range(4):
        arrays.qpos[at + 3 + axis] = rotation[axis]


@inner
def read_ball(mechanism: Mechanism, row: IntArray, out_ball: Array) -> None:
    """Writes the ball's position, rotation, velocity and angular velocity, world frame, shape
    `(13,)`.
    """
    arrays = engine.engine_arrays(mechanism, row)
    at, dof = mechanism.ball_qpos, mechanism.ball_dof
    write(out_ball, 0, arrays.qpos[at : at + 7])
    write(out_ball, 7, arrays.qvel[dof : dof + 3])
    write(out_ball, 10, rotations.rotate(out_ball[3:7], arrays.qvel[dof + 3 : dof + 6]))


@inlined
def update_engine(
    functions: Functions,
    skeleton: Skeleton,
    mechanism: Mechanism,
    row: IntArray,
    target: Array,
    duration: float,
    num_substeps: int,
    scratch: Scratch,
    out_contact: BoolArray,
) -> bool:
    """Advances a world by one update.

    Args:
        functions: Addresses of MuJoCo's functions.
        skeleton: The character's arrays.
        mechanism: Its maps into MuJoCo's arrays.
        row: The world's addresses.
        target: Target pose of the PD controller.
        duration: Length of the update [s], `num_substeps` engine steps.
        num_substeps: Engine steps.
        scratch: Work arrays.
        out_contact: Whether each body touches the ground at the last detection of contacts, shape
            `(J,)`.

    Returns:
        Whether the state is still finite.
    """
    arrays = engine.engine_arrays(mechanism, row)
    for substep in range(num_substeps):
        engine.call2(functions.step1, functions.model, row[-1])
        if substep == 0:
            torque = scratch.torque
            stable_pd.stable_pd_torque(
                skeleton, mechanism, arrays, target, duration, scratch.pd, torque
            )
            stable_pd.clamp_torque(skeleton, mechanism, torque)
            write(arrays.applied, 0, torque)
        if substep == num_substeps - 1:
            touch_ground(skeleton, mechanism, arrays, out_contact)
        engine.call2(functions.step2, functions.model, row[-1])
        nothing = 0.0  # NaN as soon as one velocity is not finite
        for dof in range(len(arrays.qvel)):
            limit = mechanism.speed_limit[dof]
            nothing += 0.0 * arrays.qvel[dof]
            arrays.qvel[dof] = min(max(arrays.qvel[dof], -limit), limit)
        if nothing != 0.0:
            return False
        if mechanism.ball_dof >= 0:
            kept = (1.0 - BALL_DAMPING) ** (duration / num_substeps)
            for dof in range(mechanism.ball_dof, mechanism.ball_dof + 6):
                arrays.qvel[dof] *= kept
    return True


@inner
def touch_ground(
    skeleton: Skeleton, mechanism: Mechanism, arrays: EngineArrays, out_contact: BoolArray
) -> None:
    """Writes whether each body's lowest point is within `CONTACT_DISTANCE` of the ground."""
    for body in range(len(skeleton.parent)):
        index = mechanism.body_id[body]
        up = arrays.ximat[9 * index + 3 : 9 * index + 6]
        height = arrays.xipos[3 * index + 1] - kinematics.vertical_extent(skeleton, body, up)
        out_contact[body] = mechanism.collides[body] and height <= CONTACT_DISTANCE


@inlined
def exploded_body(
    skeleton: Skeleton,
    mechanism: Mechanism,
    row: IntArray,
    pose: Array,
    velocity: Array,
    scratch: Scratch,
) -> int:
    """Returns the first body with a velocity component beyond `MAX_BODY_SPEED`, -1 if there is
    none.

    Args:
        skeleton: The character's arrays.
        mechanism: Its maps into MuJoCo's arrays.
        row: The world's addresses.
        pose: Work array, shape `(P,)`.
        velocity: Work array, same shape.
        scratch: Work arrays.
    """
    frames, qvel = scratch.frames, engine.engine_arrays(mechanism, row).qvel
    if _speed_bound(skeleton, mechanism, qvel, frames.motion) <= MAX_BODY_SPEED:
        return -1
    read_world(skeleton, mechanism, row, pose, velocity)
    kinematics.place_bodies(skeleton, pose, velocity, frames)
    for body in range(len(skeleton.parent)):
        for entry in range(7, 13):
            if not abs(frames.bodies[body, entry]) <= MAX_BODY_SPEED:
                return body
    return -1


@inner
def _speed_bound(skeleton: Skeleton, mechanism: Mechanism, qvel: Array, work: Array) -> float:
    """Returns a cheap upper bound of all velocity components: speeds add up along the tree."""
    highest = 0.0
    for joint in range(len(skeleton.parent)):
        kind = skeleton.joint_type[joint]
        dof = mechanism.dof_address[joint]
        if kind == ROOT:
            speed = abs(qvel[dof]) + abs(qvel[dof + 1]) + abs(qvel[dof + 2])
            spin = abs(qvel[dof + 3]) + abs(qvel[dof + 4]) + abs(qvel[dof + 5])
        else:
            parent = skeleton.parent[joint]
            spin = work[parent, 1]
            speed = work[parent, 0] + spin * skeleton.joint_reach[joint]
            if kind == SPHERICAL:
                spin += abs(qvel[dof]) + abs(qvel[dof + 1]) + abs(qvel[dof + 2])
            elif kind != FIXED:
                spin += abs(qvel[dof])
        work[joint, 0], work[joint, 1] = speed, spin
        highest = max(highest, spin, speed + spin * skeleton.body_reach[joint])
    return highest
