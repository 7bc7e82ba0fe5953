"""Tests of characters and controllers: what is read from a file, and its errors."""

import math

import kernels
import numpy as np
import pytest

from dm_deepmimic import character, errors, rotations
from dm_deepmimic.embedded.physics import tree as trees


@pytest.fixture(name="joints")
def joints_fixture(crane_json) -> list[dict]:
    return crane_json["Skeleton"]["Joints"]


@pytest.fixture(name="bodies")
def bodies_fixture(crane_json) -> list[dict]:
    return crane_json["BodyDefs"]


@pytest.fixture(name="read")
def read_fixture(crane_json, write_json):
    """Returns a function that reads the character as the test has changed it."""
    return lambda: character.load_character(write_json(crane_json))


@pytest.fixture(name="fail")
def fail_fixture(crane_json, write_json):
    """Returns a function that reads a changed character and returns the error's sentence."""

    def fail_to_read(value: object = None) -> str:
        path = write_json(crane_json if value is None else value)
        with pytest.raises(errors.AssetFormatError) as error:
            character.load_character(path)
        return str(error.value).replace(str(path.parent), "folder")

    return fail_to_read


class TestHumanoid:
    def test_it_has_45_kg(self, humanoid):
        assert humanoid.skeleton.body_mass.sum() == 45.0

    def test_its_pose_has_43_numbers(self, humanoid):
        assert humanoid.pose_size == 43

    def test_its_joints_lie_in_the_pose_as_in_deepmimic(self, humanoid):
        offsets = [0, 7, 11, 15, 19, 20, 24, 28, 29, 29, 33, 34, 38, 42, 43]
        assert humanoid.skeleton.pose_offset.tolist() == offsets

    def test_its_end_effectors_are_ankles_and_wrists(self, humanoid):
        assert np.flatnonzero(humanoid.skeleton.end_effector).tolist() == [5, 8, 11, 14]

    def test_its_actions_are_named_in_deepmimics_order(self, humanoid):
        assert humanoid.action_names() == (
            "chest_x", "chest_y", "chest_z", "neck_x", "neck_y", "neck_z",
            "right_hip_x", "right_hip_y", "right_hip_z", "right_knee",
            "right_ankle_x", "right_ankle_y", "right_ankle_z",
            "right_shoulder_x", "right_shoulder_y", "right_shoulder_z", "right_elbow",
            "left_hip_x", "left_hip_y", "left_hip_z", "left_knee",
            "left_ankle_x", "left_ankle_y", "left_ankle_z",
            "left_shoulder_x", "left_shoulder_y", "left_shoulder_z", "left_elbow",
        )  # fmt: skip

    def test_91_pairs_of_its_links_collide(self, humanoid):
        """All 105 but the 14 of parent and child."""
        built = build(humanoid)
        links = built.pairs.second < 15
        assert links.sum() == 105
        assert built.pairs.touches[links].sum() == 91

    def test_each_of_its_links_collides_with_the_ground(self, humanoid):
        built = build(humanoid)
        assert sorted(built.pairs.first[built.pairs.second == 15]) == list(range(15))
        assert built.pairs.touches[built.pairs.second == 15].all()


class TestCrane:
    def test_actions_follow_the_joints(self, crane):
        assert crane.action_names() == ("mast_x", "mast_y", "mast_z", "boom", "weight")

    def test_there_is_a_name_for_each_number_of_an_action(self, crane):
        assert len(crane.action_names()) == crane.action_size == 5

    def test_exponential_maps_are_bounded_by_a_full_turn(self, crane):
        low, high = crane.action_bounds()
        full_turn = [2.0 * math.pi] * 3
        assert (-low[:3]).tolist() == high[:3].tolist() == full_turn

    def test_limits_are_widened_by_one_and_a_half_widths(self, crane):
        low, high = crane.action_bounds()
        assert (low[3], high[3]) == (-1.0 - 1.5 * 1.5, 0.5 + 1.5 * 1.5)

    def test_a_joint_without_limits_has_those_of_half_a_turn(self, crane):
        low, high = crane.action_bounds()
        assert (low[4], high[4]) == pytest.approx((-4.0 * math.pi, 4.0 * math.pi), rel=1e-15)

    def test_scaled_bounds_are_two_for_maps_and_one_for_angles(self, crane):
        low, high = crane.action_bounds()
        widths = 0.5 * (high - low) * crane.action_scale()
        np.testing.assert_allclose(widths, [2.0, 2.0, 2.0, 1.0, 1.0], rtol=1e-15)

    def test_joint_weights_sum_to_one(self, crane):
        weights = np.array([1.0, 0.5, 0.25, 1.0, 1.0]) / 3.75
        np.testing.assert_allclose(crane.skeleton.joint_weight, weights, rtol=1e-15)

    def test_bodies_have_the_colours_of_the_file(self, read, bodies):
        bodies[1].update(ColorR=0.1, ColorG=0, ColorB=1, ColorA=0.5)
        bodies[2].update(ColorG=0.25)
        colors = read().colors.tolist()
        assert colors[:2] == [list(character.DEFAULT_COLOR), [0.1, 0.0, 1.0, 0.5]]
        assert colors[2] == [0.30, 0.25, 0.69, 1.0]

    def test_bodies_without_a_name_are_numbered(self, crane):
        assert crane.body_names == ("body0", "body1", "body2", "body3", "body4")

    def test_attachments_are_turned_by_euler_angles(self, crane):
        desired = rotations.from_euler((0.3, 0.0, -0.4))
        np.testing.assert_array_equal(crane.skeleton.joint_rotation[1], desired)

    def test_a_joint_without_a_torque_limit_has_none(self, crane):
        assert crane.torque_limit.tolist() == [math.inf, 50.0, 20.0, 10.0, math.inf]

    def test_quaternions_begin_after_the_roots_position_and_at_spherical_joints(self, crane):
        assert crane.quaternion_offsets() == [3, 7]

    def test_its_moving_bodies_have_its_mass(self, crane):
        assert build(crane).bodies["mass"].sum() == 8.0

    def test_it_falls_and_lies_on_the_ground(self, crane, crane_controller):
        world = kernels.World(crane, crane_controller)
        world.place(upright(crane, 2.0))
        assert world.step(2400)
        assert 0.0 < world.pose[1] < 1.0

    def test_only_the_joint_with_limits_is_limited(self, crane):
        assert build(crane).bodies["is_limited"].tolist() == [False, False, True, False]

    @pytest.mark.parametrize(("high", "limited"), [({}, False), ({"LimHigh1": 0.2}, True)])
    def test_limits_count_where_the_second_upper_one_is_not_below(
        self, read, joints, high, limited
    ):
        """The original compares LimLow0 with LimHigh1, which is 0 if not given."""
        joints[2].update(LimLow0=0.1, LimHigh0=0.5, **high)
        assert build(read()).bodies["is_limited"][2] == limited


class TestMassless:
    """The crane's hook, on a fixed joint, has neither mass nor size."""

    @pytest.fixture(autouse=True)
    def massless_fixture(self, bodies):
        bodies[4].update(Mass=0, Param0=0, Param1=0)

    def test_it_adds_nothing_to_the_body_that_carries_it(self, read, bodies):
        hooked = build(read()).bodies
        bodies[4].update(AttachX=5.0)
        np.testing.assert_array_equal(build(read()).bodies, hooked)
        assert hooked["mass"].sum() == 7.5

    def test_the_controller_is_read_and_the_character_falls(self, read, crane_controller):
        person = read()
        world = kernels.World(person, crane_controller)
        world.place(upright(person, 2.0))
        assert world.step(2400)
        assert 0.0 < world.pose[1] < 1.0

    def test_a_joint_that_moves_needs_a_mass(self, read, bodies):
        bodies[3].update(Mass=0)
        with pytest.raises(errors.AssetFormatError, match=r"BodyDefs\[3\]\.Mass"):
            build(read())

    def test_a_joint_that_turns_nothing_else_needs_a_size(self, read, bodies):
        bodies[3].update(Param0=0, AttachY=0.0)
        with pytest.raises(errors.AssetFormatError, match=r"BodyDefs\[3\]\.Param0"):
            build(read())


class TestCollisionGroups:
    @staticmethod
    def touching(person: character.Character, controller, height: float, *shapes: int) -> bool:
        """Returns whether two shapes touch with the character upright at a height."""
        world = kernels.World(person, controller)
        world.place(upright(person, height))
        world.detect()
        return shapes in [contact[:2] for contact in world.contacts()]

    @pytest.mark.parametrize(
        ("groups", "touch"),
        [((1, 1), True), ((1, 2), False), ((-1, 2), True), ((-1, -1), True), ((0, 1), False),
         ((0, -1), False), ((0, 0), False)],
    )  # fmt: skip
    def test_bodies_collide_where_they_share_a_group(
        self, read, joints, bodies, crane_controller, groups, touch
    ):
        joints[1].update(AttachY=0.0)
        joints[3].update(AttachX=0.0, AttachY=0.2)
        for body, group in zip((1, 3), groups, strict=True):
            bodies[body]["ColGroup"] = group
        assert self.touching(read(), crane_controller, 10.0, 1, 3) == touch

    def test_parent_and_child_never_collide(self, read, joints, bodies, crane_controller):
        joints[1].update(AttachY=0.0)
        for body in bodies:
            body["ColGroup"] = -1
        assert not self.touching(read(), crane_controller, 10.0, 0, 1)

    @pytest.mark.parametrize(("group", "touches"), [(1, True), (3, True), (-1, True), (0, False)])
    def test_the_ground_touches_every_group_but_zero(
        self, read, bodies, crane_controller, group, touches
    ):
        bodies[0]["ColGroup"] = group
        assert self.touching(read(), crane_controller, 0.0, 0, 5) == touches

    def test_a_body_without_a_group_is_in_all(self, read, bodies):
        del bodies[1]["ColGroup"]
        assert read().collision_mask[1] == character.ALL_GROUPS


class TestErrors:
    def test_a_colour_beyond_what_there_is(self, fail, bodies):
        bodies[2]["ColorG"] = 255
        assert fail() == (
            "Expected a number from 0 to 1 at BodyDefs[2].ColorG in folder/crane.txt, got 255."
        )

    def test_no_json(self, fail):
        assert fail("") == (
            "Expected JSON at the file in folder/crane.txt, got Expecting value: line 1 column 1 "
            "(char 0)."
        )

    def test_no_skeleton(self, fail, crane_json):
        del crane_json["Skeleton"]
        assert fail() == "Expected a JSON object at Skeleton in folder/crane.txt, got nothing."

    def test_no_joints(self, fail, crane_json):
        crane_json["Skeleton"]["Joints"] = []
        assert fail() == (
            "Expected a non-empty array at Skeleton.Joints in folder/crane.txt, got []."
        )

    def test_a_joint_that_is_no_object(self, fail, joints):
        joints[2] = 5
        assert fail() == "Expected a JSON object at Skeleton.Joints[2] in folder/crane.txt, got 5."

    def test_a_body_too_few(self, fail, bodies):
        bodies.pop()
        assert fail() == (
            "Expected one body for each of the 5 joints at BodyDefs in folder/crane.txt, got 4 "
            "bodies."
        )

    def test_no_mass(self, fail, bodies):
        del bodies[3]["Mass"]
        assert fail() == (
            "Expected a number of at least 0 at BodyDefs[3].Mass in folder/crane.txt, got nothing."
        )

    @pytest.mark.parametrize(
        ("mass", "name"), [(-1.5, "-1.5"), (float("inf"), "inf"), (10**400, None)]
    )
    def test_a_mass_that_is_negative_or_not_finite(self, fail, bodies, mass, name):
        bodies[0]["Mass"] = mass
        name = name or "1" + 56 * "0" + "..."
        assert fail() == (
            f"Expected a number of at least 0 at BodyDefs[0].Mass in folder/crane.txt, got {name}."
        )

    def test_a_word_for_a_number(self, fail, bodies):
        bodies[1]["Param0"] = "wide"
        assert fail() == (
            "Expected a number of at least 0 at BodyDefs[1].Param0 in folder/crane.txt, got 'wide'."
        )

    def test_a_shape_without_one_of_its_sizes(self, fail, bodies):
        capsule = next(i for i, body in enumerate(bodies) if body["Shape"] == "capsule")
        del bodies[capsule]["Param1"]
        assert fail() == (
            f"Expected a number of at least 0 at BodyDefs[{capsule}].Param1 in folder/crane.txt, "
            "got nothing."
        )

    @pytest.mark.parametrize("group", [15, -2, 40])
    def test_a_collision_group_that_does_not_exist(self, fail, bodies, group):
        bodies[1]["ColGroup"] = group
        assert fail() == (
            "Expected a collision group from -1 (all) to 14 at BodyDefs[1].ColGroup in "
            f"folder/crane.txt, got {group}."
        )

    def test_a_negative_torque_limit(self, fail, joints):
        joints[1]["TorqueLim"] = -5
        assert fail() == (
            "Expected a number of at least 0 at Skeleton.Joints[1].TorqueLim in folder/crane.txt, "
            "got -5."
        )

    def test_half_a_parent(self, fail, joints):
        joints[2]["Parent"] = 0.5
        assert fail() == (
            "Expected a whole number at Skeleton.Joints[2].Parent in folder/crane.txt, got 0.5."
        )

    def test_an_unknown_joint_type(self, fail, joints):
        joints[1]["Type"] = "ball"
        assert fail() == (
            "Expected one of revolute, spherical, fixed at Skeleton.Joints[1].Type in "
            "folder/crane.txt, got 'ball'."
        )

    def test_a_root_that_is_a_joint(self, fail, joints):
        joints[0]["Type"] = "spherical"
        assert fail() == (
            "Expected one of none at Skeleton.Joints[0].Type in folder/crane.txt, got 'spherical'."
        )

    def test_an_unknown_shape(self, fail, bodies):
        bodies[2]["Shape"] = "cone"
        assert fail() == (
            "Expected one of sphere, box, capsule, cylinder at BodyDefs[2].Shape in "
            "folder/crane.txt, got 'cone'."
        )

    @pytest.mark.parametrize("parent", [2, 3, -1])
    def test_a_parent_out_of_order(self, fail, joints, parent):
        joints[2]["Parent"] = parent
        assert fail() == (
            "Expected a joint id below 2 at Skeleton.Joints[2].Parent in folder/crane.txt, got "
            f"{parent}."
        )

    def test_a_root_with_a_parent(self, fail, joints):
        joints[0]["Parent"] = 0
        assert fail() == ("Expected -1 at Skeleton.Joints[0].Parent in folder/crane.txt, got 0.")

    def test_a_root_that_is_turned(self, fail, joints):
        joints[0]["AttachThetaZ"] = 0.1
        assert fail() == (
            "Expected 0, a root that is not turned, at Skeleton.Joints[0].AttachThetaZ in "
            "folder/crane.txt, got 0.1."
        )


class TestController:
    GAINS = tuple({"Kp": 100.0 + joint, "Kd": joint} for joint in range(5))

    @pytest.fixture(name="read_controller")
    def read_controller_fixture(self, crane, write_json):
        """Returns a function that reads a controller with gains and more keys."""

        def read(**keys) -> character.Controller:
            value = {"PDControllers": list(self.GAINS)} | keys
            return character.load_controller(write_json(value, "gains.txt"), crane)

        return read

    def test_gains_are_read_by_joint(self, read_controller):
        controller = read_controller()
        assert controller.kp.tolist() == [100.0, 101.0, 102.0, 103.0, 104.0]
        assert controller.kd.tolist() == [0.0, 1.0, 2.0, 3.0, 4.0]

    def test_actions_come_at_30_hz_whatever_the_update_rate(self, read_controller):
        assert read_controller(UpdateRate=60).query_rate == 30.0

    def test_the_query_rate_is_read(self, read_controller):
        assert read_controller(QueryRate=60).query_rate == 60.0

    @pytest.mark.parametrize("rate", [0, -30, float("inf")])
    def test_a_query_rate_that_is_not_positive(self, read_controller, rate):
        with pytest.raises(errors.AssetFormatError) as error:
            read_controller(QueryRate=rate)
        assert str(error.value).startswith("Expected a number above 0 at QueryRate in ")

    @pytest.mark.parametrize(
        ("key", "name"),
        [
            ("EnablePhaseInput", "phase_input"),
            ("RecordWorldRootPos", "world_root_position"),
            ("RecordWorldRootRot", "world_root_rotation"),
        ],
    )
    def test_choices_of_the_state_are_off_unless_set(self, read_controller, key, name):
        assert [getattr(read_controller(**keys), name) for keys in ({}, {key: True})] == [
            False,
            True,
        ]

    def test_gains_of_another_character(self, read_controller):
        with pytest.raises(errors.AssetFormatError) as error:
            read_controller(PDControllers=list(self.GAINS[:3]))
        assert str(error.value) == (
            f"Expected gains for the 5 joints of crane.txt at PDControllers in "
            f"{error.value.__reduce__()[1][0]}, got 3 rows."
        )

    def test_a_choice_that_is_no_flag(self, read_controller):
        with pytest.raises(errors.AssetFormatError) as error:
            read_controller(EnablePhaseInput="yes")
        assert str(error.value).endswith("gains.txt, got 'yes'.")
        assert str(error.value).startswith("Expected true or false at EnablePhaseInput in ")


def build(person: character.Character) -> trees.Tree:
    nothing = np.zeros(person.num_joints)
    controller = character.Controller(person.path, nothing, nothing, True, False, False, 30.0)
    return trees.build_tree(
        person, controller, timestep=kernels.STEP, gravity=(0.0, -9.8, 0.0), world_scale=4.0
    )


def upright(person: character.Character, height: float) -> np.ndarray:
    """Returns the pose of a character whose joints are all at rest."""
    pose = np.zeros(person.pose_size)
    pose[person.quaternion_offsets()] = 1.0
    pose[1] = height
    return pose
