"""Tests of the layout of 2018, which that year's policies and PyBullet's port speak."""

import numpy as np
import pytest

import dm_deepmimic
from dm_deepmimic import errors, rotations

WALK = "humanoid3d_walk"
JOINTS_2018 = slice(2, 107)  # 15 x (position, quaternion)
VELOCITIES_2018 = slice(107, 197)
SPHERICAL, REVOLUTE = (0, 4, 8, 13, 17, 22, 27, 31), (12, 21, 26, 35)  # in an action of 2018
BROKEN_FRAMES = {WALK: (), "humanoid3d_backflip": (23, 24)}  # see TestPort


def load(layout: str = "2018", name: str = WALK, **options):
    return dm_deepmimic.load(name, seed=0, layout=layout, **options)


def as_2021(state: np.ndarray, heading: float) -> np.ndarray:
    """Returns the state of 2018 in the layout of 2021, the root's rotation in the world."""
    rows, speeds = [state[:2]], state[VELOCITIES_2018].reshape(15, 6).copy()
    turn = rotations.about_up(heading)
    for body, row in enumerate(state[JOINTS_2018].reshape(15, 7)):
        q = rotations.multiply(turn, row[3:]) if body == 0 else row[3:]
        normal, tangent = (rotations.rotate(q, axis) for axis in ((0, 1, 0), (1, 0, 0)))
        rows += [row[:3], normal, tangent]
    for part in (slice(0, 3), slice(3, 6)):
        speeds[0, part] = rotations.rotate(turn, speeds[0, part])
    return np.concatenate([*rows, speeds.ravel()])


def as_2018(action: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Returns the PD targets of 2021 as angles about axes of some lengths, shape `(8,)`."""
    numbers, targets = iter(action), np.zeros(36)
    for at in sorted(REVOLUTE + SPHERICAL):
        if at in REVOLUTE:
            targets[at] = next(numbers)
        else:
            turn = np.array([next(numbers) for _ in range(3)])
            targets[at] = np.linalg.norm(turn)
            targets[at + 1 : at + 4] = lengths[SPHERICAL.index(at)] * turn
    return targets


@pytest.fixture(name="walk")
def walk_fixture():
    with load() as environment:
        yield environment


class TestSpecs:
    def test_a_state_has_197_entries_and_begins_with_the_phase(self, walk):
        spec = walk.observation_spec()
        assert spec.shape == (197,)
        assert (spec.minimum[0], spec.maximum[0]) == (0.0, 1.0)
        observation = walk.reset_to(time=0.5).observation
        assert observation[0] == pytest.approx(0.5 / walk.core.get_motion_length())

    def test_an_action_has_an_angle_and_an_axis_for_each_spherical_joint(self, walk):
        spec = walk.action_spec()
        names = spec.name.split("\t")
        assert spec.shape == (36,) and len(names) == 36
        assert names[:4] == ["chest_angle", "chest_axis_x", "chest_axis_y", "chest_axis_z"]
        assert [names[at] for at in REVOLUTE] == [
            "right_knee", "right_elbow", "left_knee", "left_elbow",
        ]  # fmt: skip
        assert all(names[at].endswith("_angle") for at in SPHERICAL)
        np.testing.assert_array_equal(spec.minimum, walk.core.build_action_bound_min())
        np.testing.assert_array_equal(spec.maximum, walk.core.build_action_bound_max())
        axes = [at + i for at in SPHERICAL for i in (1, 2, 3)]
        assert np.all(spec.minimum[axes] == -1.0) and np.all(spec.maximum[axes] == 1.0)

    @pytest.mark.parametrize(("layout", "sizes"), [("2018", (1, 106, 90)), ("2021", (1, 136, 90))])
    def test_phase_pose_and_velocity_are_the_parts_of_a_state(self, layout, sizes):
        with load(layout) as environment:
            core = environment.core
            offsets = core.get_phase_offset(), core.get_pose_offset(), core.get_vel_offset()
            assert (core.get_phase_size(), core.get_pose_size(), core.get_vel_size()) == sizes
            assert offsets == (0, sizes[0], sizes[0] + sizes[1])
            assert core.get_state_size() == sum(sizes)

    def test_only_the_phase_is_left_alone_by_normalisers(self, walk):
        core = walk.core
        assert core.build_state_norm_groups().tolist() == [-1] + 196 * [0]
        assert core.build_state_offset().tolist() == [-0.5] + 196 * [0.0]
        assert core.build_state_scale().tolist() == [2.0] + 196 * [1.0]

    def test_an_unknown_layout_lists_the_known(self):
        with pytest.raises(dm_deepmimic.ArgumentError) as error:
            load("2020")
        assert str(error.value) == "Expected '2018' or '2021' for 'layout' in load, got '2020'."


class TestStates:
    def test_both_layouts_tell_the_same_world(self):
        options = {"enable_rand_rot_reset": True}
        with load(**options) as old, load("2021", **options) as new:
            headings = []
            for _ in range(10):
                state, desired = old.reset().observation, new.reset().observation
                headings.append(rotations.heading(old.core.get_pose()[3:7]))
                np.testing.assert_allclose(as_2021(state, headings[-1]), desired, atol=1e-12)
            assert np.ptp(headings) > 3.0

    def test_the_root_is_seen_from_its_own_heading(self):
        with load(enable_rand_rot_reset=True) as environment:
            for _ in range(10):
                root = environment.reset().observation[5:9]
                assert rotations.heading(root) == pytest.approx(0.0, abs=1e-12)

    def test_no_rotation_has_a_negative_w(self):
        with load(name="humanoid3d_backflip") as environment:
            bodies = [
                environment.reset_to(time=time).observation[JOINTS_2018].reshape(15, 7)
                for time in np.linspace(0.0, 1.7, 35)
            ]
        quaternions = np.array(bodies)[..., 3:]
        assert np.all(quaternions[..., 0] >= 0.0)
        np.testing.assert_allclose(np.linalg.norm(quaternions, axis=-1), 1.0, atol=1e-12)


class TestActions:
    def test_equal_targets_give_equal_trajectories_whatever_the_length_of_an_axis(self):
        generator = np.random.default_rng(0)
        with load() as old, load("2021") as new:
            old.reset_to(time=0.2)
            new.reset_to(time=0.2)
            for step in range(10):
                action = new.core.reference_actions((step + 7) / 30.0)[0]
                action += generator.normal(0.0, 0.1, 28)
                lengths = 10.0 ** generator.uniform(-3.0, 3.0, 8)
                turned = old.step(as_2018(action, lengths))
                desired = new.step(action)
                np.testing.assert_allclose(old.core.get_pose(), new.core.get_pose(), atol=1e-12)
                assert turned.reward == pytest.approx(desired.reward, abs=1e-12)
            assert desired.mid()

    def test_reference_actions_target_the_clip_in_both_layouts(self):
        with load() as old, load("2021") as new:
            for time in (0.0, 0.4, 1.1):
                for environment in (old, new):
                    environment.reset_to(time=time)
                    core = environment.core
                    core.set_action(core.reference_actions(time)[0])
                    target = core.batch.worlds.pd_target[0, 7:]
                    np.testing.assert_allclose(target, core.get_kin_pose()[7:], atol=1e-9)

    @pytest.mark.parametrize(
        "times",
        [[[1, 2], [3]], [[0.1]], [np.nan], np.inf, "x", None, [0.1, 10**400], 10**5000, [1j], [{}]],
        ids=range(10),
    )
    def test_what_is_no_list_of_times_is_refused(self, walk, times):
        with pytest.raises(errors.CoreError) as error:
            walk.core.reference_actions(times)
        assert str(error.value) == (
            f"Expected a list of finite times [s], got {errors.shown(times)}."
        )

    def test_reference_actions_follow_the_clip(self, walk):
        walk.reset_to(time=0.2)
        for step in range(10):
            timestep = walk.step(walk.core.reference_actions((step + 7) / 30.0)[0])
            assert timestep.mid() and timestep.reward > 0.6

    def test_an_angle_without_an_axis_is_one_about_z(self, walk):
        walk.reset_to(time=0.2)
        action = np.zeros(36)
        action[0] = action[4] = 0.7
        action[5:8] = [0.0, 0.0, 2.0]
        walk.core.set_action(action)
        chest, neck = walk.core.batch.worlds.pd_target[0, 7:15].reshape(2, 4)
        np.testing.assert_allclose(chest, [np.cos(0.35), 0.0, 0.0, np.sin(0.35)], atol=1e-15)
        np.testing.assert_array_equal(neck, chest)


class TestPort:
    """PyBullet's port, which simulates in single precision, and its printed numbers."""

    @pytest.fixture(name="port")
    def port_fixture(self):
        """Returns a function that opens PyBullet's port."""
        pytest.importorskip("pybullet", reason="pybullet is not installed")
        opened = []

        def open_port(name: str = WALK):
            opened.append(dm_deepmimic.load(name, core="pybullet", seed=0))
            return opened[-1].core

        yield open_port
        for environment in opened:
            environment.close()

    def test_bounds_offsets_and_scales_are_the_ports(self, walk, port):
        ours, theirs = walk.core, port()
        for part in ("bound_min", "bound_max", "offset", "scale"):
            numbers = getattr(theirs.env.port, f"build_action_{part}")(0)
            np.testing.assert_allclose(
                getattr(ours, f"build_action_{part}")(), numbers, rtol=1e-7, atol=0.0
            )
        assert walk.action_spec().name.split("\t") == list(theirs.action_names())

    @pytest.mark.parametrize("name", [WALK, "humanoid3d_backflip"])
    def test_first_states_at_the_frames_of_a_clip_are_the_ports(self, name, port):
        """Measured: positions [m] and quaternions 2e-6, velocities 4e-5 m/s and 9e-5 rad/s.

        Only at frames: between them the port keeps the velocity that the original interpolates, and
        interpolates quaternions of the file that the original normalises first. Frame 24 of the
        backflip has a root quaternion of length .995: there the port's skeleton is too large.
        """
        old_port = port(name).env.port
        with load(name=name, reset_args={"resolve": False}) as environment:
            times = environment.core.batch.clip(0).times
            for frame in np.setdiff1d(np.arange(len(times) - 1), BROKEN_FRAMES[name]):
                state = environment.reset_to(frame=frame).observation
                old_port._humanoid.setSimTime(times[frame] + 1e-7)  # not the frame before
                old_port._humanoid.resetPose()
                theirs = old_port.record_state(0)
                np.testing.assert_allclose(state[:107], theirs[:107], atol=4e-6)
                np.testing.assert_allclose(state[107:], theirs[107:], atol=2e-4)
