"""The state vector: height, bodies and their velocities in the frame of the character's heading,
compiled.

Layout (Peng et al. 2018, section 6; DeepMimicCore's CtController): [phase], root height, per body
[position relative to the root joint 3, rotation], per body [linear velocity 3, angular velocity 3].
A rotation is its normal 3 and tangent 3, and a quaternion with w >= 0 in the layout of 2018.
"""

from typing import NamedTuple

from dm_deepmimic import arrays, rotations
from dm_deepmimic.arrays import Array
from dm_deepmimic.character import Controller, Layout
from dm_deepmimic.compiling import inner, jit

POSITION_FEATURES = 3
ROTATION_FEATURES, QUATERNION_FEATURES = 6, 4
VELOCITY_FEATURES = 6
PHASE_OFFSET, PHASE_SCALE = -0.5, 2.0


class StateLayout(NamedTuple):
    """The choices that shape the state.

    The layout of 2018 is what the policies of that year speak: with the phase, all bodies in the
    frame of the heading, rotations as quaternions.
    """

    phase_input: bool
    world_root_position: bool
    world_root_rotation: bool
    quaternions: bool


def state_layout(layout: Layout, controller: Controller) -> StateLayout:
    """Returns the state's layout, which the controller's file shapes from 2021 on."""
    if layout == "2018":
        return StateLayout(True, False, False, True)
    return StateLayout(
        controller.phase_input,
        controller.world_root_position,
        controller.world_root_rotation,
        False,
    )


@jit
def pose_features(layout: StateLayout) -> int:
    """Returns how many numbers tell a body's position and rotation."""
    return POSITION_FEATURES + (QUATERNION_FEATURES if layout.quaternions else ROTATION_FEATURES)


def state_size(layout: StateLayout, num_bodies: int) -> int:
    """Returns the length of the state vector."""
    return int(layout.phase_input) + 1 + num_bodies * (pose_features(layout) + VELOCITY_FEATURES)


@inner
def write_state(
    layout: StateLayout, pose: Array, bodies: Array, phase: float, out_state: Array
) -> None:
    """Writes one world's state vector.

    Args:
        layout: The state's layout.
        pose: The character's pose, shape `(P,)`.
        bodies: From `kinematics.place_bodies`, shape `(J, 13)`.
        phase: Phase of the clip in [0, 1).
        out_state: Shape `(state_size,)`.
    """
    start = 0
    if layout.phase_input:
        out_state[0] = phase
        start = 1
    out_state[start] = pose[1]
    to_heading = rotations.about_up(-rotations.heading(pose[3:7]))
    count = len(bodies)
    size = pose_features(layout)
    speeds = start + 1 + size * count
    for body in range(count):
        row = bodies[body]
        is_root = body == 0
        at = start + 1 + size * body
        if is_root and layout.world_root_position:
            arrays.write(out_state, at, row[0:3])
        else:
            apart = (row[0] - pose[0], row[1] - pose[1], row[2] - pose[2])
            arrays.write(out_state, at, rotations.rotate(to_heading, apart))
        keep_world = is_root and layout.world_root_rotation
        turn = (1.0, 0.0, 0.0, 0.0) if keep_world else to_heading
        q = rotations.multiply(turn, row[3:7])
        if layout.quaternions:
            q = rotations.standardized(q)
            out_state[at + 3] = q[0]
            arrays.write(out_state, at + 4, (q[1], q[2], q[3]))
        else:
            arrays.write(out_state, at + 3, rotations.rotate(q, (0.0, 1.0, 0.0)))
            arrays.write(out_state, at + 6, rotations.rotate(q, (1.0, 0.0, 0.0)))
        at = speeds + VELOCITY_FEATURES * body
        arrays.write(out_state, at, rotations.rotate(turn, row[7:10]))
        arrays.write(out_state, at + 3, rotations.rotate(turn, row[10:13]))
