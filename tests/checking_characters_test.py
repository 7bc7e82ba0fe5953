"""Tests of the findings of characters and controllers: each by a spoiled copy of a good one."""

import json

import numpy as np
import pytest

from dm_deepmimic import character, scene_files
from dm_deepmimic.checking import bodies, characters, controllers

KNEE, ELBOW, THIGH = 4, 7, 3


def original(name: str) -> dict:
    return json.loads(scene_files.find(f"data/{name}.txt", "file").read_text())


@pytest.fixture(name="sentences")
def sentences_fixture(write_json):
    """Returns what is said of the humanoid3d with other numbers at a joint, or at its body."""

    def read(joint: int | None = None, body: int | None = None, **numbers) -> list[str]:
        table = original("characters/humanoid3d")
        if joint is not None:
            table["Skeleton"]["Joints"][joint].update(numbers)
        if body is not None:
            table["BodyDefs"][body].update(numbers)
        person = character.load_character(write_json(table))
        return [str(finding) for finding in characters.check(person)]

    return read


def test_the_humanoid_is_clean(humanoid):
    assert characters.check(humanoid) == []


class TestLimits:
    def test_limits_in_disorder(self, sentences):
        assert sentences(joint=KNEE, LimLow0=5, LimHigh0=-5)[0] == (
            "wrong: Skeleton.Joints[4] right_knee: LimLow0 is 5 and LimHigh0 -5, which means no "
            "limits. Usual: a lower limit below the upper, or 1 and 0 for no limits. To mend: "
            "exchange LimLow0 and LimHigh0, or write 1 and 0."
        )

    def test_limits_in_disorder_that_are_simulated(self, sentences):
        assert sentences(joint=KNEE, LimLow0=-1, LimHigh0=-2)[0] == (
            "wrong: Skeleton.Joints[4] right_knee: LimLow0 is -1 and LimHigh0 -2, which leaves it "
            "no angle to be at. Usual: a lower limit below the upper, or 1 and 0 for no limits. To "
            "mend: exchange LimLow0 and LimHigh0, or write 1 and 0."
        )

    def test_limits_that_are_not_simulated_as_the_second_upper_one_is_too_low(self, sentences):
        assert sentences(joint=ELBOW, LimLow0=0.2)[0] == (
            "wrong: Skeleton.Joints[7] right_elbow: its limits 0.2 to 3.14 rad are not simulated, "
            "as LimLow0 is above LimHigh1, 0. Usual: LimLow0 is at most LimHigh1, with which "
            "DeepMimic compares it. To mend: write 3.14 as LimHigh1, too."
        )

    def test_limits_of_a_spherical_joint_in_disorder(self, sentences):
        assert sentences(joint=1, LimLow2=2)[0] == (
            "wrong: Skeleton.Joints[1] chest: LimLow2 is 2 and LimHigh2 1.2, which means no "
            "limits. Usual: a lower limit below the upper, or 1 and 0 for no limits. To mend: "
            "exchange LimLow2 and LimHigh2, or write 1 and 0."
        )

    def test_one_and_zero_are_no_limits(self, sentences):
        limits = {f"LimLow{axis}": 1 for axis in range(3)} | {
            f"LimHigh{axis}": 0 for axis in range(3)
        }
        assert sentences(joint=1, **limits) == []


class TestTorques:
    def test_none(self, sentences):
        assert sentences(joint=1, TorqueLim=0) == [
            "wrong: Skeleton.Joints[1] chest: its TorqueLim is 0, so that nothing turns it. Usual: "
            "the torque of the joint's muscles or motor. To mend: write TorqueLim [N m]."
        ]

    def test_no_limit(self, write_json):
        table = original("characters/humanoid3d")
        del table["Skeleton"]["Joints"][1]["TorqueLim"]
        person = character.load_character(write_json(table))
        assert [str(finding) for finding in characters.check(person)] == [
            "unusual: Skeleton.Joints[1] chest: it has no TorqueLim, so that any torque turns it. "
            "Usual: the torque of the joint's muscles or motor. To mend: write TorqueLim [N m]."
        ]

    def test_too_weak_to_hold(self, sentences):
        assert sentences(joint=1, TorqueLim=10) == [
            "unusual: Skeleton.Joints[1] chest: its TorqueLim of 10 N m does not hold what it "
            "carries, which may take 21.6 N m. Usual: at least 21.6 N m. To mend: raise "
            "TorqueLim [N m]."
        ]

    def test_enough_for_dozens(self, sentences):
        assert sentences(joint=1, TorqueLim=20000) == [
            "unusual: Skeleton.Joints[1] chest: its TorqueLim of 20000 N m would hold 48 such "
            "characters at arm's length. Usual: at most 10. To mend: see whether TorqueLim is in "
            "N m."
        ]


class TestSides:
    @pytest.mark.parametrize(
        ("place", "numbers", "what", "other"),
        [
            ("joint", {"AttachY": -0.5}, "the distance from the parent is 0.5 m", "0.4215"),
            ("body", {"Mass": 3.5}, "the mass is 3.5 kg", "3"),
            ("body", {"AttachY": -0.3}, "the body's distance from the joint is 0.3 m", "0.2"),
            ("joint", {"TorqueLim": 140}, "TorqueLim is 140 N m", "150"),
            ("body", {"Param1": 0.25}, "the body's size is 0.1 0.35 0.1 m", "0.1 0.41 0.1"),
            (
                "joint", {"LimHigh0": 0.5},
                "the limits are -3.14 to 0.5, 1 to 0, 1 to 0 rad", "-3.14 to 0, 1 to 0, 1 to 0",
            ),
        ],
    )  # fmt: skip
    def test_left_is_as_right(self, sentences, place, numbers, what, other):
        assert sentences(**{place: KNEE}, **numbers) == [
            f"unusual: Skeleton.Joints[4] right_knee: {what}, and {other} of left_knee. Usual: "
            "left as right. To mend: write the same for both."
        ]

    def test_weights(self, sentences):
        assert sentences(joint=KNEE, DiffWeight=0.6) == [
            "unusual: Skeleton.Joints[4] right_knee: DiffWeight is 0.1176 of the sum, and 0.05882 "
            "of left_knee. Usual: left as right. To mend: write the same for both."
        ]


class TestRewards:
    def test_weights_below_zero(self, sentences):
        assert sentences(joint=1, DiffWeight=-1) == [
            "wrong: Skeleton.Joints[1] chest: its DiffWeight is below 0. Usual: 0 or more. To "
            "mend: write a DiffWeight of at least 0."
        ]

    def test_no_weights_and_no_end_effectors(self, write_json):
        table = original("characters/humanoid3d")
        for joint in table["Skeleton"]["Joints"]:
            joint.update(DiffWeight=0, IsEndEffector=0)
        person = character.load_character(write_json(table))
        assert [str(finding) for finding in characters.check(person)] == [
            "wrong: Skeleton.Joints: all DiffWeight are 0. Usual: weights in the reward of "
            "imitate. To mend: write DiffWeight of the joints that matter.",
            "unusual: Skeleton.Joints: no joint is an end effector. Usual: feet and hands are, "
            'whose places the reward compares. To mend: write "IsEndEffector": 1 at them.',
        ]

    def test_a_name_that_stands_twice(self, sentences):
        assert sentences(joint=2, Name="chest") == [
            "unusual: Skeleton.Joints: 2 joints are called chest. Usual: each has a name of its "
            "own. To mend: write another Name."
        ]


class TestBodies:
    def test_a_density_of_centimetres(self, sentences):
        assert sentences(body=0, Param0=18)[0] == (
            "wrong: BodyDefs[0] root: its density is 0.00196 kg/m^3, 6 kg in 3.05e+03 m^3. Usual: "
            "50 to 5000 kg/m^3, water has 1000. To mend: see whether Mass is in kg, and Param0, "
            "Param1 and Param2 are in m."
        )

    def test_a_density_of_iron(self, sentences):
        assert sentences(body=0, Mass=24) == [
            "unusual: BodyDefs[0] root: its density is 7.86e+03 kg/m^3, 24 kg in 0.00305 m^3. "
            "Usual: 50 to 5000 kg/m^3, water has 1000. To mend: see whether Mass is in kg, and "
            "Param0, Param1 and Param2 are in m."
        ]

    def test_no_mass(self, sentences):
        found = sentences(body=KNEE, Mass=0)
        assert found[0] == (
            "wrong: BodyDefs[4] right_knee: it has no mass, though its joint moves. Usual: 0 on "
            "fixed joints alone. To mend: write Mass [kg]."
        )
        assert not any("no mass" in each for each in sentences(body=8, Mass=0))

    def test_masses_of_grams(self, sentences):
        found = sentences(body=0, Mass=6000)
        assert (
            "unusual: BodyDefs: masses are from 0.5 to 6000 kg, 6039 kg in all. Usual: the "
            "heaviest at most 1000 times the lightest. To mend: see whether all are in kg, for "
            "physics of such pairs needs small steps."
        ) in found

    def test_no_volume(self, sentences):
        assert sentences(body=0, Param0=0)[0] == (
            "unusual: BodyDefs[0] root: it has no volume. Usual: a volume, as it has a mass. To "
            "mend: give it Param0, Param1 and Param2."
        )

    def test_a_leg_that_was_moved_away(self, sentences):
        found = sentences(body=KNEE, AttachY=-0.8)
        assert (
            "unusual: Skeleton.Joints[4] right_knee: the bodies right_hip and right_knee leave a "
            "gap of 0.60 m at the joint. Usual: no more than the larger of them, 0.41 m. To mend: "
            "see AttachX, AttachY and AttachZ of the joint and of BodyDefs[4]."
        ) in found

    def test_bodies_that_overlap(self, sentences):
        assert sentences(body=THIGH, AttachZ=-0.15)[-1] == (
            "unusual: BodyDefs[9] left_hip: it overlaps with right_hip by 0.090 m in the zero "
            "pose. Usual: bodies that collide are apart there. To mend: move one, make one "
            "smaller, or give both other collision groups, ColGroup."
        )

    def test_bodies_that_do_not_collide_may_overlap(self, sentences):
        found = sentences(body=THIGH, AttachZ=-0.15, ColGroup=2)
        assert not any("overlaps" in sentence for sentence in found)

    @pytest.mark.parametrize(
        ("body", "point", "distance"),
        [
            (0, (0.5, 0.0, 0.0), 0.3),  # box of 0.4, 0.1, 0.3
            (0, (0.5, 0.45, 0.0), 0.5),
            (0, (0.0, 0.0, 0.0), -0.05),
            (1, (0.15, 0.0, 0.0), 0.1),  # cylinder of 0.1 and 0.4
            (1, (0.0, 0.3, 0.0), 0.1),
            (1, (0.0, 0.0, 0.0), -0.05),
            (2, (0.0, 0.3, 0.0), 0.07),  # capsule of 0.06 and 0.4
            (3, (0.0, 0.0, 0.3), 0.2),  # sphere of 0.2
        ],
    )
    def test_distances_from_shapes(self, crane, body, point, distance):
        assert bodies.distance(crane, body, np.array(point)) == pytest.approx(distance)

    def test_volumes(self, crane):
        found = [bodies.volume(crane, body) for body in range(4)]
        cylinder, ball = np.pi * 0.05**2 * 0.4, np.pi / 6.0
        capsule = np.pi * 0.03**2 * 0.4 + ball * 0.06**3
        np.testing.assert_allclose(found, [0.012, cylinder, capsule, ball * 0.2**3])

    def test_neighbours_may_overlap_in_a_long_chain(self, write_json):
        joints = [{"Type": "none", "Parent": -1}] + [
            {"Type": "revolute", "Parent": joint, "AttachY": 0.2} for joint in range(400)
        ]
        body = {"Shape": "box", "Mass": 1, "Param0": 0.1, "Param1": 0.2, "Param2": 0.1}
        table = {"Skeleton": {"Joints": joints}, "BodyDefs": [body] * 401}
        found = list(bodies.check(character.load_character(write_json(table))))
        assert found == []


class TestControllers:
    @pytest.fixture(name="told")
    def told_fixture(self, humanoid, write_json):
        """Returns what is said of the humanoid3d's controller with other numbers."""

        def read(row: int | None = None, **numbers) -> list[str]:
            table = original("controllers/humanoid3d_ctrl")
            (table if row is None else table["PDControllers"][row]).update(numbers)
            controller = character.load_controller(write_json(table, "gains.txt"), humanoid)
            return [str(finding) for finding in controllers.check(controller, humanoid)]

        return read

    @pytest.mark.parametrize("name", ["ctrl", "rot_ctrl", "phase_rot_ctrl"])
    def test_the_humanoids_are_clean(self, name, humanoid):
        path = scene_files.find(f"data/controllers/humanoid3d_{name}.txt", "file")
        assert controllers.check(character.load_controller(path, humanoid), humanoid) == []

    def test_no_gain(self, told):
        assert told(1, Kp=0) == [
            "wrong: PDControllers[1] chest: its Kp is 0, so that no action turns it. Usual: a Kp "
            "for each joint that moves. To mend: write Kp [N m/rad] and Kd [N m s/rad]."
        ]

    def test_no_damping(self, told):
        assert told(1, Kd=0) == [
            "unusual: PDControllers[1] chest: its Kd is 0 of its Kp. Usual: 0.02 to 0.5. To mend: "
            "write a Kd of about 100."
        ]

    def test_gains_far_from_the_torque(self, told):
        assert told(1, Kp=10, Kd=1) == [
            "unusual: PDControllers[1] chest: its torque is at its limit when it is 20 rad off. "
            "Usual: 0.02 to 5 rad. To mend: see whether Kp of 10 N m/rad fits TorqueLim of 200 N m "
            "of the character."
        ]

    def test_gains_that_nobody_reads(self, told):
        assert told(0, Kp=10) == [
            "note: PDControllers[0] root: its gains are read by nobody, as it is the root. Usual: "
            "0. To mend: leave them out."
        ]
        assert told(8, Kd=1) == [
            "note: PDControllers[8] right_wrist: its gains are read by nobody, as it is fixed. "
            "Usual: 0. To mend: leave them out."
        ]

    def test_a_row_of_another_joint(self, told):
        assert told(1, Name="neck") == [
            "wrong: PDControllers[1] chest: its row is called 'neck'. Usual: rows are in the order "
            "of the character's joints. To mend: put the rows in that order, for names are read by "
            "nobody."
        ]
        assert told(1, Name="spine")[0].startswith("unusual: ")

    def test_how_often_it_acts(self, told):
        assert told(QueryRate=600) == [
            "unusual: QueryRate: it acts 600 times a second. Usual: 10 to 240. To mend: write "
            "another QueryRate, or leave it out for 30."
        ]
