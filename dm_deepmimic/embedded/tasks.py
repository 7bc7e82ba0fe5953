"""What the scenes but `imitate` do to a world at a reset, an action, an update, and the end of a
step, by the functions of their modules; compiled.
"""

import numpy as np

from dm_deepmimic import arrays, kinematics, rotations
from dm_deepmimic.arrays import Array, Vector3
from dm_deepmimic.compiling import inlined, inner
from dm_deepmimic.embedded.physics import world
from dm_deepmimic.embedded.physics.state import Physics
from dm_deepmimic.embedded.scenes import (
    dribble_amp,
    heading_amp,
    heading_amp_getup,
    imitate_amp,
    strike_amp,
    target_amp,
    task,
)
from dm_deepmimic.embedded.scenes.task import (
    BALL_FEATURES,
    DRIBBLE,
    GETUP,
    HEADING,
    IMITATE_AMP,
    STRIKE,
    TARGET,
    Task,
)
from dm_deepmimic.embedded.state import (
    FAIL,
    INVALID,
    NONE,
    SUCCESS,
    Scene,
    Scratch,
    Worlds,
)


@inlined
def start_task(rules: Task | None, worlds: Worlds, w: int, clip_time: float) -> None:
    """Writes a world's first target, ball and clocks."""
    if rules is None or rules.kind == IMITATE_AMP:
        return
    kind = rules.kind
    chance, pose = worlds.chance[w : w + 1], worlds.pose[w]
    root = (pose[0], pose[1], pose[2])
    _restart_target_clock(rules, worlds, w)
    worlds.hit[w], worlds.hit_time[w] = False, -1.0
    if kind == DRIBBLE:
        _put_ball(rules, worlds, w, root)
        ball = worlds.ball[w]
        dribble_amp.place_target(rules, chance, (ball[0], ball[1], ball[2]), worlds.target[w])
    elif kind == STRIKE:
        strike_amp.place_target(rules, chance, root, worlds.target[w])
        if not worlds.testing[w] and task.uniform(chance, 0.0, 1.0) < rules.init_hit_prob:
            worlds.hit[w] = True
            worlds.hit_time[w] = task.uniform(chance, -rules.target_hit_reset_time, 0.0)
    else:
        target_amp.place_target(rules, chance, root, worlds.target[w])
    if kind == HEADING or kind == GETUP:
        worlds.desired_heading[w] = 0.0
        worlds.desired_speed[w] = heading_amp.first_speed(rules, chance)
    if kind == GETUP:
        gets_up = rules.gets_up[worlds.clip[w]]
        worlds.getup_clock[w] = clip_time if gets_up else rules.getup_time


@inlined
def _restart_target_clock(rules: Task, worlds: Worlds, w: int) -> None:
    low, high = rules.rand_target_time_min, rules.rand_target_time_max
    worlds.target_clock[w] = 0.0
    worlds.target_period[w] = task.uniform(worlds.chance[w : w + 1], low, high)


@inlined
def _put_ball(rules: Task, worlds: Worlds, w: int, root: Vector3) -> None:
    """Writes a new ball at rest, which is not in the physics yet, and restarts its clock."""
    chance = worlds.chance[w : w + 1]
    position, rotation = dribble_amp.new_ball(rules, chance, root)
    worlds.ball[w] = 0.0
    arrays.write(worlds.ball[w], 0, position)
    arrays.write(worlds.ball[w], 3, rotation)
    arrays.write(worlds.ball_before[w], 0, position)
    worlds.ball_clock[w] = 0.0
    low, high = rules.rand_tar_obj_time_min, rules.rand_tar_obj_time_max
    worlds.ball_period[w] = task.uniform(chance, low, high)


@inner
def move_ball(body: Physics, ball: Array) -> None:
    """Puts the physics' ball where a recorded one is, shape `(13,)`."""
    state = body.free[0]
    state.is_present = True
    arrays.write(state.position, 0, ball[:3])
    arrays.write(state.rotation, 0, ball[3:7])
    arrays.write(state.speed, 0, ball[7:10])
    arrays.write(state.spin, 0, ball[10:13])


@inner
def _read_ball(body: Physics, out_ball: Array) -> None:
    """Writes the ball's position, rotation, velocity and angular velocity, world frame, shape
    `(13,)`.
    """
    state = body.free[0]
    arrays.write(out_ball, 0, state.position)
    arrays.write(out_ball, 3, state.rotation)
    arrays.write(out_ball, 7, state.speed)
    arrays.write(out_ball, 10, state.spin)


@inlined
def note_action(rules: Task | None, scene: Scene, worlds: Worlds, w: int, scratch: Scratch) -> None:
    """Keeps what the character was like when it took its action."""
    worlds.since_action[w] = 0.0
    if rules is None or not worlds.finite[w]:
        return
    pose, velocity = worlds.pose[w], worlds.velocity[w]
    arrays.write(worlds.pose_before[w], 0, pose)
    arrays.write(worlds.velocity_before[w], 0, velocity)
    kinematics.place_bodies(scene.skeleton, pose, velocity, scratch.frames)
    com = kinematics.center_of_mass(scene.skeleton, scratch.frames.bodies)
    for axis in range(3):
        worlds.com_before[w, axis] = com[axis]
    arrays.write(worlds.ball_before[w], 0, worlds.ball[w, :3])
    if rules.kind == IMITATE_AMP:
        if worlds.num_samples[w] == 0:  # the original takes one at the reset, too
            _take_sample(scene, worlds, w, scratch)
        _take_sample(scene, worlds, w, scratch)


@inlined
def _take_sample(scene: Scene, worlds: Worlds, w: int, scratch: Scratch) -> None:
    """Adds the recorded pose, placed in `scratch`, and the clip's to the samples of a test."""
    count = worlds.num_samples[w]
    if count >= worlds.samples.shape[1] or not worlds.testing[w]:
        return
    imitate_amp.write_sample(scratch.frames.joints, worlds.samples[w, count])
    kinematics.place_joints(scene.skeleton, worlds.clip_pose[w], scratch.clip_frames.joints)
    imitate_amp.write_sample(scratch.clip_frames.joints, worlds.clip_samples[w, count])
    worlds.num_samples[w] = count + 1


@inlined
def update_task(
    rules: Task | None, scene: Scene, worlds: Worlds, w: int, body: Physics, scratch: Scratch
) -> None:
    """Moves the ball, the target and the desired heading when their time has come."""
    if rules is None or rules.kind == IMITATE_AMP:
        return
    kind = rules.kind
    chance = worlds.chance[w : w + 1]
    root = (body.pose[0], body.pose[1], body.pose[2])
    if kind == DRIBBLE:
        _read_ball(body, worlds.ball[w])
        worlds.ball_clock[w] += scene.rules.timestep
        if worlds.ball_clock[w] >= worlds.ball_period[w]:
            _put_ball(rules, worlds, w, root)
            move_ball(body, worlds.ball[w])
    worlds.target_clock[w] += scene.rules.timestep
    if worlds.target_clock[w] >= worlds.target_period[w]:
        if kind == DRIBBLE:
            ball = worlds.ball[w]
            dribble_amp.place_target(rules, chance, (ball[0], ball[1], ball[2]), worlds.target[w])
        elif kind != STRIKE:
            target_amp.place_target(rules, chance, root, worlds.target[w])
        if kind == HEADING or kind == GETUP:
            heading, speed = worlds.desired_heading[w], worlds.desired_speed[w]
            worlds.desired_heading[w] = heading_amp.next_heading(rules, chance, heading)
            worlds.desired_speed[w] = heading_amp.next_speed(rules, chance, speed)
        _restart_target_clock(rules, worlds, w)
    if kind == STRIKE:
        pose, velocity = worlds.pose[w], worlds.velocity[w]
        world.read(scene.tree, body, pose, velocity)
        kinematics.place_bodies(scene.skeleton, pose, velocity, scratch.frames)
        if not worlds.hit[w] and strike_amp.is_hit(
            rules, root, scratch.frames.bodies, worlds.target[w]
        ):
            worlds.hit[w], worlds.hit_time[w] = True, worlds.time[w]
    elif kind == GETUP and worlds.testing[w] and not gets_up(rules, worlds, w):
        if touches(scene, worlds, w):
            worlds.getup_clock[w] = 0.0


@inlined
def gets_up(rules: Task | None, worlds: Worlds, w: int) -> bool:
    """Returns whether the time to get up still runs."""
    if rules is None:
        return False
    return rules.kind == GETUP and worlds.getup_clock[w] < rules.getup_time


@inlined
def touches(scene: Scene, worlds: Worlds, w: int) -> bool:
    """Returns whether a body touches the ground that must not."""
    touches = False
    for body in range(len(scene.rules.fall_bodies)):
        touches |= scene.rules.fall_bodies[body] and worlds.contact[w, body]
    return touches


@inlined
def task_end(rules: Task | None, worlds: Worlds, w: int, body: Physics, scratch: Scratch) -> int:
    """Returns SUCCESS, FAIL or NONE; of the scene `strike_amp` after `update_task` placed its
    bodies.
    """
    if rules is None:
        return NONE
    kind = rules.kind
    if kind != TARGET and kind != STRIKE and kind != DRIBBLE:
        return NONE
    root, target = (body.pose[0], body.pose[1], body.pose[2]), worlds.target[w]
    end = NONE
    if target_amp.is_lost(rules, root, target):
        end = FAIL
    elif kind == DRIBBLE:
        if dribble_amp.is_there(rules, worlds.ball[w], target):
            end = SUCCESS
    elif kind == STRIKE:
        if strike_amp.is_touched(rules, scratch.frames.bodies, target):
            end = FAIL
        elif worlds.hit[w] and worlds.time[w] - worlds.hit_time[w] >= rules.target_hit_reset_time:
            end = SUCCESS
    return end


@inlined
def ball_is_lost(rules: Task | None, worlds: Worlds, w: int, body: Physics) -> bool:
    """Returns whether the ball is too far, which counts as a fall."""
    if rules is None or rules.kind != DRIBBLE:
        return False
    root = (body.pose[0], body.pose[1], body.pose[2])
    return dribble_amp.is_lost(rules, root, worlds.ball[w], worlds.target[w])


@inlined
def record_task(
    rules: Task, scene: Scene, worlds: Worlds, w: int, body: Physics, scratch: Scratch
) -> None:
    """Writes goal, reward, the ball's part of the state, and the cost of a test."""
    kind, end = rules.kind, worlds.end_reason[w]
    pose, goal, target = worlds.pose[w], worlds.goal[w], worlds.target[w]
    bodies = scratch.frames.bodies
    root, heading = (pose[0], pose[1], pose[2]), rotations.heading(pose[3:7])
    com = kinematics.center_of_mass(scene.skeleton, bodies)
    before, fallen = worlds.com_before[w], worlds.fallen[w]
    # In the first update of an action the original divides by zero.
    duration = worlds.since_action[w] if worlds.since_action[w] > 0.0 else scene.rules.timestep
    reward = 0.0
    if kind == IMITATE_AMP:
        worlds.cost[w] = np.nan
        if end != NONE and end != INVALID and worlds.testing[w] and worlds.samples.shape[1] > 0:
            count = worlds.num_samples[w]
            worlds.cost[w] = imitate_amp.warping_cost(
                worlds.samples[w, :count], worlds.clip_samples[w, :count], worlds.samples.shape[1]
            )
    elif kind == TARGET:
        task.write_direction(root, heading, target, goal)
        if not fallen:
            reward = target_amp.reward(rules, root, com, before, duration, target)
    elif kind == STRIKE:
        hit, since = worlds.hit[w], worlds.time[w] - worlds.hit_time[w]
        phase = strike_amp.hit_phase(rules, hit, since)
        strike_amp.write_goal(rules, root, heading, target, phase, goal)
        reward = strike_amp.reward(rules, root, bodies, com, before, duration, target, hit, fallen)
    elif kind == DRIBBLE:
        ball = worlds.ball[w]
        _read_ball(body, ball)
        size = worlds.state.shape[1] - BALL_FEATURES
        dribble_amp.write_ball(root, heading, ball, worlds.state[w, size:])
        task.write_direction((ball[0], ball[1], ball[2]), heading, target, goal)
        if not fallen:
            reward = dribble_amp.reward(
                rules, com, before, duration, ball, worlds.ball_before[w], target
            )
    else:
        wanted, speed = worlds.desired_heading[w], worlds.desired_speed[w]
        heading_amp.write_goal(heading, wanted, speed, goal)
        if kind == GETUP:
            goal[3] = heading_amp_getup.phase(rules, worlds.getup_clock[w])
        if kind == GETUP and gets_up(rules, worlds, w):
            reward = heading_amp_getup.reward(rules, pose[1], bodies[rules.head, 1])
        elif not fallen:
            reward = heading_amp.reward(rules, com, before, duration, wanted, speed)
    if worlds.testing[w] and (kind == STRIKE or kind == DRIBBLE):
        left = worlds.time_limit[w] - worlds.time[w]
        reward = left if end == SUCCESS and np.isfinite(left) else 0.0
    worlds.reward[w] = 0.0 if end == INVALID else reward
