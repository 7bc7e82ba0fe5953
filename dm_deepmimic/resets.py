"""How an episode begins: where in the clip, and with what noise."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Self

import numpy as np

from dm_deepmimic import checks, errors

LARGEST = 1e4  # of a time, a number added, or an angle


class Places(NamedTuple):
    """Where in their clips the episodes of N worlds begin, as callers tell it; a field that is None
    is drawn.
    """

    times: Sequence[object] | None = None  # (N,) in the clip [s]
    frames: Sequence[object] | None = None  # (N,) of the clip, in place of times
    clips: Sequence[object] | None = None  # (N,) which one of the set


ANYWHERE = Places()  # drawn as by default


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ResetArgs:
    """Where in the clip episodes begin and the noise of the character's first pose and velocity.

    The names are those of gym-deepmimic's `reset_args`. The clip itself stays without noise, but
    for the turn of its root.

    Attributes:
        custom_time: Whether the clip's time is drawn from [time_min, time_max], not from the whole
            clip.
        time_min: Earliest time [s].
        time_max: Latest time [s].
        resolve: Whether the character is lifted out of the ground.
        noise_bef_rot: Whether the numbers below are added before the random rotations, not after.
        noise_min: Least number added to each entry of the pose and the velocity.
        noise_max: Greatest such number; none are added where both are 0.
        radian: Largest angle of the random rotations [rad]; with 0 the fields below mean nothing.
            The root is turned about the vertical, a revolute joint's angle is moved, a spherical
            joint is turned by three Euler angles.
        rot_vel_w_pose: Whether a spherical joint's angular velocity is turned with it.
        vel_noise: Whether rotations of their own turn the angular velocities of the root and of
            spherical joints, and move those of revolute joints [rad/s].
        interp: Factor of all velocities, 1 keeps the clip's, 0 is rest.
        knee_rot: Whether the knees are moved.
        knees: Names of the joints that are knees; None: all with `knee` in their names.
        held_joints: Names of the joints that are never moved; None: all with `hip` or `ankle` in
            their names.
    """

    custom_time: bool = False
    time_min: float = 0.0
    time_max: float = 0.0
    resolve: bool = True
    noise_bef_rot: bool = False
    noise_min: float = 0.0
    noise_max: float = 0.0
    radian: float = 0.0
    rot_vel_w_pose: bool = False
    vel_noise: bool = False
    interp: float = 1.0
    knee_rot: bool = False
    knees: tuple[str, ...] | None = None
    held_joints: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if field.type is bool:
                if not isinstance(value, bool | int | np.bool_) or value not in (0, 1):
                    raise _error(field.name, value, "true or false")
                object.__setattr__(self, field.name, bool(value))
            elif field.type is float:
                if isinstance(value, bool):  # as some of gym-deepmimic's own defaults are
                    value = float(value)
                if not checks.is_finite(value) or not abs(value) <= LARGEST:
                    raise _error(field.name, value, f"a number from {-LARGEST:g} to {LARGEST:g}")
                object.__setattr__(self, field.name, float(value))
            elif value is not None:
                if not _are_names(value):
                    raise _error(field.name, value, "names of joints")
                object.__setattr__(self, field.name, tuple(value))
        if self.time_min < 0:
            raise _error("time_min", self.time_min, "a time of at least 0")
        if not 0 <= self.interp <= 1:
            raise _error("interp", self.interp, "a factor from 0 to 1")
        if self.radian < 0:
            raise _error("radian", self.radian, "an angle of at least 0")
        for low in ("time_min", "noise_min"):
            high = low.replace("min", "max")
            if getattr(self, high) < getattr(self, low):
                expected = f"at least {low} ({getattr(self, low)!r})"
                raise _error(high, getattr(self, high), expected)

    @classmethod
    def of(cls, values: "Self | Mapping[str, Any]") -> Self:
        """Returns reset arguments from themselves or from a dictionary of some of the fields.

        Raises:
            UnknownNameError: A key is none of the fields.
            ArgumentError: A value is of the wrong type or out of range.
        """
        if isinstance(values, cls):
            return values
        known = [field.name for field in dataclasses.fields(cls)]
        if not isinstance(values, Mapping):
            raise errors.ArgumentError(
                "load",
                "reset_args",
                errors.shown(values),
                "ResetArgs or a dictionary of its fields",
            )
        for key in values:
            if key not in known:
                raise errors.UnknownNameError(
                    "reset argument", str(key), "reset_args", known, suggest=True
                )
        return cls(**values)


def _are_names(value: object) -> bool:
    return isinstance(value, list | tuple) and all(isinstance(name, str) for name in value)


def _error(key: str, value: object, expected: str) -> errors.ArgumentError:
    return errors.ArgumentError("reset_args", key, errors.shown(value), expected)
