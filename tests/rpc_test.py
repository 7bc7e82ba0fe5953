"""Tests of environments over dm_env_rpc: its own compliance tests, episodes, settings, refusals."""

import numpy as np
import pytest

pytest.importorskip("dm_env_rpc", reason="servers need the extra rpc")

from dm_env_rpc.v1 import dm_env_adaptor, dm_env_rpc_pb2, tensor_utils
from dm_env_rpc.v1.compliance import (
    create_destroy_world,
    join_leave_world,
    reset,
    reset_world,
    step,
)
from rpc_clients import (  # noqa: F401
    STILL,
    WALK,
    client_fixture,
    connected,
    create,
    refused,
    server_fixture,
    serving,
    walk_fixture,
)

import dm_deepmimic


class Compliance:
    """What all of the protocol's compliance tests need."""

    has_multiple_world_support = True

    @property
    def required_world_settings(self):
        return {}

    @property
    def invalid_world_settings(self):
        bad = {"seeds": 1, "seed": -1, "mode": "tests"}
        return {name: tensor_utils.pack_tensor(value) for name, value in bad.items()}

    @property
    def invalid_join_settings(self):
        return {"seed": tensor_utils.pack_tensor(1)}

    @pytest.fixture(autouse=True)
    def client(self, server):
        with connected(server) as self.client:
            self.name = create(self.client)
            yield

    @property
    def connection(self):
        return self.client

    @property
    def world_name(self):
        return self.name


class TestCreateDestroyWorld(Compliance, create_destroy_world.CreateDestroyWorld):
    pass


class TestJoinLeaveWorld(Compliance, join_leave_world.JoinLeaveWorld):
    pass


class TestReset(Compliance, reset.Reset):
    def join_world(self):
        return self.client.send(dm_env_rpc_pb2.JoinWorldRequest(world_name=self.name)).specs


class TestResetWorld(Compliance, reset_world.ResetWorld):
    pass


class TestStep(Compliance, step.Step):
    @property
    def required_actions(self):
        return {1: tensor_utils.pack_tensor(STILL)}

    @property
    def specs(self):
        return self._specs

    @pytest.fixture(autouse=True)
    def joined(self, client):
        response = self.client.send(dm_env_rpc_pb2.JoinWorldRequest(world_name=self.name))
        self._specs = response.specs


class TestEpisodes:
    def test_they_are_those_of_load_bitwise(self, walk):
        draw = np.random.default_rng(0)
        with dm_deepmimic.load(WALK, seed=3) as expected:
            spec = expected.action_spec()
            timestep, other = walk.reset(), expected.reset()
            for _ in range(60):
                np.testing.assert_array_equal(
                    timestep.observation["observation"], other.observation
                )
                assert timestep.step_type == other.step_type
                if not timestep.first():
                    assert (timestep.reward, timestep.discount) == (other.reward, other.discount)
                action = np.clip(draw.normal(0.0, 0.6, 28), spec.minimum, spec.maximum)
                timestep, other = walk.step({"action": action}), expected.step(action)

    def test_specs_are_those_of_load(self, walk):
        with dm_deepmimic.load(WALK) as expected:
            for name, spec in (
                ("observation", walk.observation_spec()["observation"]),
                ("action", walk.action_spec()["action"]),
                ("reward", walk.reward_spec()), ("discount", walk.discount_spec()),
            ):  # fmt: skip
                own = getattr(expected, f"{name}_spec")()
                assert spec.name == name and spec.dtype == own.dtype
                np.testing.assert_array_equal(spec.minimum, np.broadcast_to(own.minimum, own.shape))
                np.testing.assert_array_equal(spec.maximum, np.broadcast_to(own.maximum, own.shape))

    def test_a_fall_terminates_and_the_time_limit_interrupts(self):
        for options, discount in (((), 0.0), (("--set=time_end_lim_min=0.2",
                                   "--set=time_end_lim_max=0.2", "--set=time_lim_min=0.2",
                                   "--set=time_lim_max=0.2"), 1.0)):  # fmt: skip
            with serving(*options) as server, connected(server) as client:
                environment, _ = dm_env_adaptor.create_and_join_world(client, {"seed": 3}, {})
                timestep = environment.reset()
                while not timestep.last():
                    timestep = environment.step({"action": STILL})
                assert timestep.discount == discount
                assert environment.step({}).first()

    def test_a_world_of_a_mode_is_that_of_load(self, client):
        settings = {"seed": 3, "mode": "test"}
        environment, _ = dm_env_adaptor.create_and_join_world(client, settings, {})
        with dm_deepmimic.load(WALK, seed=3, mode="test") as expected:
            for _ in range(2):
                np.testing.assert_array_equal(
                    environment.reset().observation["observation"], expected.reset().observation
                )

    def test_a_goal_of_no_numbers_is_a_part_too(self):
        with serving("--observation=dict") as server, connected(server) as client:
            environment, _ = dm_env_adaptor.create_and_join_world(client, {}, {})
            assert environment.observation_spec()["goal"].shape == (0,)
            assert environment.reset().observation["goal"].shape == (0,)

    def test_a_goal_is_a_part_of_its_own(self):
        scene = "amp_target_humanoid3d_locomotion"
        with serving("--observation=amp", scene=scene) as server, connected(server) as client:
            environment, _ = dm_env_adaptor.create_and_join_world(client, {"seed": 3}, {})
            observation = environment.reset().observation
        with dm_deepmimic.load(scene, seed=3, observation="amp") as expected:
            own = expected.reset().observation
            assert observation.keys() == own.keys() == {"state", "goal", "amp"}
            for name, part in own.items():
                np.testing.assert_array_equal(observation[name], part)


class TestSettings:
    def first(self, client, walk, **settings):
        packed = {name: tensor_utils.pack_tensor(value) for name, value in settings.items()}
        client.send(dm_env_rpc_pb2.ResetRequest(settings=packed))
        response = client.send(dm_env_rpc_pb2.StepRequest(requested_observations=[1]))
        return tensor_utils.unpack_tensor(response.observations[1])

    def test_a_reset_takes_a_place_a_seed_and_a_mode(self, client, walk):
        with dm_deepmimic.load(WALK, seed=11) as expected:
            place = expected.reset_to(frame=7).observation
            np.testing.assert_array_equal(self.first(client, walk, frame=7), place)
            seeded = expected.reset(seed=5).observation
            np.testing.assert_array_equal(self.first(client, walk, seed=5, mode="test"), seeded)

    @pytest.mark.parametrize(("settings", "sentence"), [
        ({"phase": 0.5},
         "Unknown setting 'phase'. Known settings: clip, frame, mode, seed, time."),
        ({"mode": "tests"}, "Unknown mode 'tests'. Known modes: test, train."),
        ({"frame": 7, "time": 0.2}, "Expected a time or a frame, got time=0.2, frame=7."),
        ({"seed": -1}, "Expected a whole number seed >= 0, got -1."),
        ({"clip": 1, "mode": "test"}, "Expected a clip from 0 to 0 of the set, got 1."),
        ({"seed": [1, 2]}, "Expected one value without a shape for 'seed'."),
        ({"seed": 5, "time": float("nan")}, "Expected "),
    ])  # fmt: skip
    def test_bad_ones_are_refused_and_change_nothing(self, client, walk, settings, sentence):
        walk.reset()
        packed = {name: tensor_utils.pack_tensor(value) for name, value in settings.items()}
        request = dm_env_rpc_pb2.ResetRequest(settings=packed)
        code, said = refused(client, request)
        assert code == 3 and said.startswith(sentence)
        assert walk.step({"action": STILL}).mid()

    def test_a_small_message_cannot_ask_for_much_memory(self, client, walk):
        huge = tensor_utils.pack_tensor(1)
        huge.shape[:] = [2**30, 2**10]
        request = dm_env_rpc_pb2.ResetRequest(settings={"seed": huge})
        assert refused(client, request)[1] == "Expected one value without a shape for 'seed'."
        texts = tensor_utils.pack_tensor("test")
        texts.strings.array.extend(["x" * 100_000] + [""] * 100_000)
        request = dm_env_rpc_pb2.ResetRequest(settings={"mode": texts})
        assert refused(client, request)[1] == "Expected one value without a shape for 'mode'."
        walk.reset()
        action = tensor_utils.pack_tensor(0.0)
        action.shape[:] = [2**30, 2**10]
        request = dm_env_rpc_pb2.StepRequest(actions={1: action})
        assert refused(client, request)[1] == (
            f"Expected an action of shape (28,), got shape {(2**30, 2**10)}."
        )


class TestRefusals:
    @pytest.mark.parametrize(("request_", "code", "sentence"), [
        (dm_env_rpc_pb2.StepRequest(), 9, "Expected to join a world before step."),
        (dm_env_rpc_pb2.ResetRequest(), 9, "Expected to join a world before reset."),
        (dm_env_rpc_pb2.JoinWorldRequest(world_name="mine"), 5,
         "Expected the name of a world, got 'mine'."),
        (dm_env_rpc_pb2.DestroyWorldRequest(world_name=""), 5,
         "Expected the name of a world, got ''."),
    ])  # fmt: skip
    def test_out_of_turn(self, client, request_, code, sentence):
        assert refused(client, request_) == (code, sentence)

    def test_actions(self, client, walk):
        walk.reset()
        with dm_deepmimic.load(WALK) as expected:
            spec = expected.action_spec()
        for action, sentence in (
            (np.zeros(28, np.float32), "Expected an action of dtype float64, got dtype float32."),
            (np.zeros(27), "Expected an action of shape (28,), got shape (27,)."),
            (np.full(28, np.nan), "Expected finite numbers in an action, got nan at (0,), "),
            (np.full(28, 1e3), f"Expected an action from {spec.minimum[0]} to {spec.maximum[0]} "
                               f"at 0, {spec.name.split()[0]}, got 1000.0."),
        ):  # fmt: skip
            request = dm_env_rpc_pb2.StepRequest(actions={1: tensor_utils.pack_tensor(action)})
            code, said = refused(client, request)
            assert code == 3 and said.startswith(sentence)
        assert refused(client, dm_env_rpc_pb2.StepRequest())[1] == (
            "Expected one action, of the number 1, got []."
        )
        request = dm_env_rpc_pb2.StepRequest(
            actions={1: tensor_utils.pack_tensor(STILL)}, requested_observations=[9]
        )
        assert refused(client, request)[1] == (
            "Expected observations of 1 (observation), 2 (reward), 3 (discount), got 9."
        )
        assert walk.step({"action": STILL}).mid()

    def test_clipped_actions_go_beyond(self):
        with serving("--clip-actions") as server, connected(server) as client:
            environment, _ = dm_env_adaptor.create_and_join_world(client, {}, {})
            environment.reset()
            assert not environment.step({"action": np.full(28, 1e3)}).first()

    def test_a_world_has_one_agent(self, server, client):
        name = create(client)
        with connected(server) as other:
            dm_env_adaptor.join_world(other, name, {})
            request = dm_env_rpc_pb2.JoinWorldRequest(world_name=name)
            assert refused(client, request) == (9, f"Another client has joined '{name}'.")
            request = dm_env_rpc_pb2.DestroyWorldRequest(world_name=name)
            assert refused(client, request) == (9, f"A client has joined '{name}'.")

    def test_an_extension_is_none(self, client):
        request = dm_env_rpc_pb2.EnvironmentRequest()
        request.extension.SetInParent()
        client._stream.write(request)
        response = client._stream.read()
        assert response.error.message == "Expected another request, got extension."
        client._stream.write(dm_env_rpc_pb2.EnvironmentRequest())
        assert client._stream.read().error.message == "Expected another request, got None."
