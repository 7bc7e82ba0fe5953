"""A character in our physics and in MuJoCo side by side, for tests."""

import kernels
import mujoco_model
import numpy as np

from dm_deepmimic.character import ACTUATED_DOFS, FIXED, Character


class Rig(kernels.World):
    """A character in the physics and in two MuJoCo models, with simulated and true inertias.

    Generalised forces and velocities are in the order of MuJoCo's degrees of freedom.
    """

    def __init__(self, person: Character, controller, **options) -> None:
        super().__init__(person, controller, **options)
        gravity = -self.tree.gravity[1]
        self.simulated = mujoco_model.Model(person, gravity=gravity)
        self.true = mujoco_model.Model(person, gravity=gravity, true=True)
        self.dofs = self.simulated.dofs
        self.joints = [int(joint) for joint in self.tree.bodies["joint"]]

    def place(self, pose: np.ndarray, velocity: np.ndarray, w: int = 0) -> None:
        """Puts all three into a state."""
        super().place(pose, velocity, w)
        self.simulated.place(pose, velocity)
        self.true.place(pose, velocity)

    def spread(self, numbers: np.ndarray) -> np.ndarray:
        """Returns numbers of the degrees of freedom in the layout of a velocity."""
        out = np.zeros_like(self.pose)
        out[self.dofs] = numbers
        return out

    def gains(self) -> np.ndarray:
        """Returns kp and kd of the degrees of freedom, shape `(2, V)`."""
        layout = np.zeros((2, len(self.pose)))
        for body in self.tree.bodies[1:]:
            joint = slice_of(self.character, int(body["joint"]))
            layout[:, joint] = [[body["kp"]], [body["kd"]]]
        return layout[:, self.dofs]


def slice_of(person: Character, joint: int) -> slice:
    """Returns where a joint's degrees of freedom are in a velocity."""
    offset = person.skeleton.pose_offset[joint]
    return slice(offset, offset + ACTUATED_DOFS[person.skeleton.joint_type[joint]])


def moving_joints(person: Character) -> list[int]:
    """Returns the joints that a controller turns."""
    return [j for j in range(1, person.num_joints) if person.skeleton.joint_type[j] != FIXED]
