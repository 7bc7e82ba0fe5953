"""Tests of states: what goes on from one goes on bitwise, and no other worlds take it."""

import copy
import dataclasses
import pickle
import zipfile

import numpy as np
import pytest
import scene_rigs

import dm_deepmimic
from dm_deepmimic import states
from dm_deepmimic.embedded import perturbations, state
from dm_deepmimic.embedded.physics import state as physics

WALK = "humanoid3d_walk"
PUSHES = {
    "enable_rand_perturbs": True, "perturb_time_min": 0.1, "perturb_time_max": 0.3,
    "min_pertrub_duration": 0.05, "max_perturb_duration": 0.2,
}  # fmt: skip
STEPS = np.random.default_rng(3).normal(0.0, 0.4, (60, 28))


def open_scene(name: str = WALK, seed: int = 1, **options):
    return scene_rigs.open_scene(name, seed, **scene_rigs.HASTE[name], **options)


def play(environment, steps=STEPS[10:]) -> list[tuple]:
    """Returns all that a user sees of some steps, in which boxes are thrown."""
    seen, core = [], environment.core
    for number, action in enumerate(steps):
        if number == 8:
            core.throw_box()
        timestep = environment.step(action)
        info = environment.episode_info
        picture = [shape.position.tobytes() for shape in core.shapes()]
        seen.append((timestep.step_type, timestep.reward, timestep.discount, info, picture,
                     timestep.observation.tobytes()))  # fmt: skip
        if core.get_amp_obs_size() > 0:
            seen.append(environment.sample_expert(2).tobytes())
    return seen


def begin(environment, count: int = 10):
    environment.reset()
    for action in STEPS[:count]:
        environment.step(action)
    environment.core.throw_box()
    environment.step(STEPS[count])
    return environment


@pytest.fixture(name="walk")
def walk_fixture():
    """Returns an environment in the middle of an episode."""
    with open_scene() as environment:
        yield begin(environment)


def digests(state: states.State) -> dict[str, str]:
    return {name: states.fingerprint(array) for name, array in state.rows.items()}


def saved(state: states.State, path) -> states.State:
    state.save(path / "state.npz")
    return dm_deepmimic.load_state(path / "state.npz")


WAYS = {
    "itself": lambda state, _: state,
    "its pickle": lambda state, _: pickle.loads(pickle.dumps(state)),
    "its file": saved,
    "its copy": lambda state, _: copy.deepcopy(state),
    "its only world": lambda state, _: state[0],
}


class TestGoingOn:
    @pytest.mark.parametrize("mode", ["train", "test"])
    @pytest.mark.parametrize("name", scene_rigs.ALL_SCENES)
    def test_an_environment_goes_on_bitwise(self, name, mode):
        with open_scene(name, mode=mode, time_limit=1.2, **PUSHES) as environment:
            state = begin(environment).get_state()
            expected = play(environment)
            environment.set_state(state)
            assert play(environment) == expected

    @pytest.mark.parametrize("way", WAYS)
    def test_so_does_another_of_its_kind(self, walk, way, tmp_path):
        state = WAYS[way](walk.get_state(), tmp_path)
        expected = play(walk)
        with open_scene(seed=9) as other:
            other.reset()
            other.core.throw_box(0.3, (2.0, 1.0, 0.0), (0.0, 0.0, 0.0))
            other.step(STEPS[0])
            other.set_state(state)
            assert play(other) == expected
            other.set_state(state)
            assert play(other) == expected

    def test_a_state_of_before_the_first_reset(self):
        with open_scene() as environment, open_scene(seed=2) as other:
            other.set_state(environment.get_state())
            assert other.step(STEPS[0]).first()
            assert environment.reset().observation.tobytes() == other.core.record_state().tobytes()

    def test_a_state_of_an_ended_episode(self, walk):
        while not walk.step(STEPS[0]).last():
            pass
        state, info = walk.get_state(), walk.episode_info
        assert walk.step(STEPS[0]).first()
        walk.set_state(state)
        assert walk.episode_info == info
        assert walk.step(STEPS[0]).first()

    def test_chance_goes_on(self):
        """Of resets, pushes by chance, targets, boxes and the expert."""
        with open_scene(scene_rigs.STRIKE, **PUSHES) as environment:
            state, draws = begin(environment).get_state(), []
            for _ in range(2):
                environment.set_state(state)
                drawn = [environment.sample_expert(3).tobytes()]
                drawn += [environment.reset().observation.tobytes() for _ in range(3)]
                draws.append(drawn)
        assert draws[0] == draws[1]
        assert len(set(draws[0])) == len(draws[0])

    def test_the_mode_and_the_sample_count_go_on(self):
        limits = {"time_lim_min": 1.0, "time_lim_max": 1.0, "time_end_lim_min": 5.0,
                  "time_end_lim_max": 5.0, "anneal_samples": 100}  # fmt: skip
        with open_scene(time_limit="anneal", **limits) as environment:
            first = environment.get_state()
            environment.core.set_sample_count(100)
            environment.core.set_mode(1)
            second = environment.get_state()
            environment.set_state(first)
            environment.reset()
            rows = environment.core.batch.worlds.rows
            assert rows["time_limit"][0] == 1.0 and not rows["testing"][0]
            environment.set_state(second)
            environment.reset()
            assert rows["time_limit"][0] == 5.0 and rows["testing"][0]

    def test_a_test_episode_goes_on_where_there_was_none_before(self):
        """Its samples, of which the distance to the clip is made, are part of the state."""
        with (
            open_scene(scene_rigs.IMITATE, mode="test", time_limit=0.5) as tested,
            open_scene(scene_rigs.IMITATE, time_limit=0.5) as other,
        ):
            untested = other.get_state()
            begin(tested, count=6)
            for environment in (tested, other):
                environment.set_state(tested.get_state()) if environment is other else None
            costs = []
            for environment in (tested, other):
                timestep = environment.step(STEPS[20])
                while not timestep.last():
                    timestep = environment.step(STEPS[20])
                costs.append(environment.episode_info["dtw_cost"])
            assert costs[0] == costs[1] and np.isfinite(costs[0])
            tested.set_state(untested)
            assert tested.reset().first()

    def test_foreign_changes_do_not_reach_a_state(self, walk):
        state = walk.get_state()
        before = digests(state)
        play(walk)
        assert digests(state) == before
        for array in state.rows.values():
            with pytest.raises(ValueError, match="read-only"):
                array[...] = array


class TestBatches:
    @pytest.mark.parametrize("num_threads", [1, 2])
    @pytest.mark.parametrize("name", [WALK, scene_rigs.DRIBBLE])
    def test_a_batch_goes_on_bitwise(self, name, num_threads):
        def run(batch) -> list[bytes]:
            seen = []
            for action in STEPS[10:40]:
                timestep = batch.step(np.tile(action, (4, 1)))
                seen += [np.asarray(part).tobytes() for part in timestep]
            return seen

        options = scene_rigs.HASTE[name] | {"num_threads": num_threads} | PUSHES
        with dm_deepmimic.load_batch(name, 4, seed=1, **options) as batch:
            batch.reset()
            for action in STEPS[:10]:
                batch.step(np.tile(action, (4, 1)))
            state = batch.get_state()
            expected = run(batch)
            batch.set_state(state)
            assert run(batch) == expected
            with dm_deepmimic.load_batch(name, 4, seed=7, **options) as other:
                other.set_state(state)
                assert run(other) == expected

    def test_many_worlds_go_on_from_one(self, walk):
        state = walk.get_state()
        expected = [walk.step(action) for action in STEPS[:30]]
        with dm_deepmimic.load_batch(WALK, 3, seed=5) as batch:
            batch.set_state(state[[0, 0, 0]])
            for action, row in zip(STEPS, expected, strict=False):
                timestep = batch.step(np.tile(action, (3, 1)))
                for world in range(3):
                    np.testing.assert_array_equal(timestep.observation[world], row.observation)
                    assert timestep.step_type[world] == row.step_type
                if row.last():
                    break

    def test_a_mask_chooses_worlds(self):
        with dm_deepmimic.load_batch(WALK, 4, seed=1) as batch:
            batch.reset()
            state = batch.get_state()
            batch.step(np.tile(STEPS[0], (4, 1)))
            later = batch.get_state()
            mask = np.array([True, False, True, False])
            batch.set_state(state[mask], mask)
            now = batch.get_state()
            assert digests(now[mask]) == digests(state[mask])
            assert digests(now[~mask]) == digests(later[~mask])
            chosen = batch.get_state(mask)
            assert len(chosen) == 2
            np.testing.assert_array_equal(chosen.rows["pose"], state.rows["pose"][mask])

    def test_a_world_of_a_batch_goes_on_in_an_environment(self, walk):
        with dm_deepmimic.load_batch(WALK, 3, seed=2) as batch:
            batch.reset()
            batch.step(np.tile(STEPS[0], (3, 1)))
            batch.step(np.tile(STEPS[1], (3, 1)))
            walk.set_state(batch.get_state()[1])
            assert walk.episode_info["length"] == 2
            expected = batch.step(np.tile(STEPS[2], (3, 1))).observation[1]
            np.testing.assert_array_equal(walk.step(STEPS[2]).observation, expected)

    @pytest.mark.parametrize("mask", [[True], [1, 0, 1], [[True, False, True]], "all", 1.0])
    def test_masks_are_checked(self, mask):
        with dm_deepmimic.load_batch(WALK, 3, seed=2) as batch:
            state = batch.get_state()
            for call in (lambda: batch.get_state(mask), lambda: batch.set_state(state, mask)):
                with pytest.raises(ValueError, match="Expected a mask of 3 booleans, got "):
                    call()


def changed(state: states.State, name: str, array: np.ndarray) -> states.State:
    return dataclasses.replace(state, rows={**state.rows, name: array})


class TestRefusals:
    """Of each the environment is as it was."""

    @pytest.fixture(name="refused")
    def refused_fixture(self, walk):
        """Returns a function that checks what a state is refused with."""

        def check(state, sentence: str) -> None:
            before = walk.get_state()
            with pytest.raises(dm_deepmimic.StateError) as error:
                walk.set_state(state)
            assert sentence in str(error.value)
            assert digests(walk.get_state()) == digests(before)

        return check

    def test_of_other_scenes(self, refused):
        with open_scene(scene_rigs.IMITATE) as other:
            refused(other.get_state(), "Expected a state of the scene imitate ")

    def test_of_other_clips(self, refused):
        with dm_deepmimic.load("humanoid3d_run", seed=0) as other:
            refused(other.get_state(), "Expected a state of the clips humanoid3d_walk.txt ")

    def test_of_other_characters(self, refused):
        with open_scene(layout="2018") as other:
            refused(other.get_state(), "Expected a state of the character humanoid3d.txt ")

    def test_of_other_versions(self, refused, walk):
        state = walk.get_state()
        other = dataclasses.replace(state, model={**state.model, "format": "0"})
        refused(other, f"Expected a state of the format {states.FORMAT}, got 0.")

    def test_of_several_worlds(self, refused, walk):
        refused(walk.get_state()[[0, 0]], "Expected a state of 1 worlds, got one of 2.")

    def test_of_cores_alone(self, refused, walk):
        sentence = "Expected a state with 'episode.ended', got one without."
        refused(walk.core.get_state(), sentence)

    def test_with_other_pushes(self, refused):
        with open_scene(**PUSHES) as other:
            refused(other.get_state(), " a world for 'pushes' of a state, got ")

    def test_with_other_arrays(self, refused, walk):
        state = walk.get_state()
        for name in state.rows:
            refused(changed(state, name, np.zeros((1, 3), np.complex64)), f"{name!r} of a state")
        rows = {name: array for name, array in state.rows.items() if name != "physics.pose"}
        refused(dataclasses.replace(state, rows=rows), "a state with 'physics.pose'")

    def test_with_rows_of_several_lengths(self, refused, walk):
        state = walk.get_state()
        for name, array in state.rows.items():
            refused(changed(state, name, np.concatenate([array, array])), "")
        refused(dataclasses.replace(state, rows={}), "Expected a state ")
        for name in state.rows:
            rows = {other: array for other, array in state.rows.items() if other != name}
            refused(dataclasses.replace(state, rows=rows), f"{name!r}")

    def test_with_other_shared_arrays(self, refused, walk):
        state = walk.get_state()
        for name, array in state.shared.items():
            for wrong in (None, array.astype(str), np.zeros((3, 3, 3)), np.zeros(10**6), None):
                refused(dataclasses.replace(state, shared={**state.shared, name: wrong}), "")
        for name, wrong in (
            ("mode", np.array([7])),
            ("sample_count", np.array([-1])),
            ("expert", np.full((1, 6), 2**64 - 1, np.uint64)),
            ("throws", np.full((1, 6), 2**64 - 1, np.uint64)),
            ("boxes", np.array([2.0])),
            ("boxes", np.full(31, 0.2)),
        ):
            shared = {**state.shared, name: wrong}
            refused(dataclasses.replace(state, shared=shared), "Expected ")

    @pytest.mark.parametrize("extreme", [np.iinfo(np.int64).max, -(10**6), 10**4, -2])
    def test_with_indices_of_nothing(self, refused, walk, extreme):
        """Kernels would read and write elsewhere with them, which ended the process."""
        state, worlds = walk.get_state(), walk.core.batch.worlds
        records = {"rows": worlds.rows, "physics.status": worlds.physics.status,
                   "physics.pairs": worlds.physics.pairs}  # fmt: skip
        fields = [
            (name, field)
            for name, field in (
                ("rows", "clip"), ("rows", "end_reason"), ("rows", "scene_end"),
                ("rows", "exploded_body"), ("physics.status", "num_pairs"),
                ("physics.status", "cursor"), ("physics.status", "num_manifolds"),
                ("physics.pairs", "manifold"), ("physics.pairs", "slot"),
                ("physics.pairs", "count"),
            )
        ]  # fmt: skip
        for name, field in fields:
            record = state.rows[name].copy().view(records[name].dtype)
            kind = np.iinfo(record[field].dtype)
            record[field].flat[0] = np.clip(extreme, kind.min, kind.max)
            refused(changed(state, name, record.view(state.rows[name].dtype)), f"{field!r}")
        refused(
            changed(state, "chance", np.full((1, 6), 2**64 - 1, np.uint64)), "words of a random"
        )
        for name in ("physics.pair_list", "physics.manifold_list", "physics.owners"):
            array = state.rows[name].copy()
            array.flat[-1] = np.clip(extreme, -(2**15), 2**15 - 1)
            refused(changed(state, name, array), f"{name.partition('.')[2]!r}")

    @pytest.mark.parametrize("wrong", [None, {}, "state.npz", np.zeros(3)])
    def test_what_is_no_state(self, refused, wrong):
        refused(wrong, "Expected a state, as get_state returns it, got ")

    def test_boxes_other_than_those_of_the_worlds_that_go_on(self, walk):
        with dm_deepmimic.load_batch(WALK, 2, seed=0) as batch:
            mask = np.array([True, False])
            with pytest.raises(dm_deepmimic.StateError, match="Expected boxes with sides"):
                batch.set_state(walk.get_state(), mask)

    def test_closed_environments(self, walk):
        state = walk.get_state()
        walk.close()
        for call in (walk.get_state, lambda: walk.set_state(state)):
            with pytest.raises(dm_deepmimic.CoreError, match="this one was closed"):
                call()


def test_the_format_is_of_these_records():
    """Who changes what a record means, or which there are, raises FORMAT, so that worlds refuse the
    states of before; then this is the new digest.
    """
    records = (
        state.ROW, perturbations.PUSH, physics.STATUS, physics.PAIR, physics.POINT,
        physics.FREE_STATE,
    )  # fmt: skip
    names = state.Worlds._fields, physics.Physics._fields, states._EPISODE
    digest = states.fingerprint(str(([record.descr for record in records], names)))
    assert (states.FORMAT, digest) == (3, "6c80981ecb93404a")


def test_known_states_are_not_checked_again_and_copies_are(walk):
    state = walk.get_state()
    assert state.is_known and state[0].is_known and walk.core.get_state().is_known
    for other in (pickle.loads(pickle.dumps(state)), copy.deepcopy(state),
                  dataclasses.replace(state)):  # fmt: skip
        assert not other.is_known
        walk.set_state(other)


class TestFiles:
    def test_there_must_be_one(self, tmp_path):
        with pytest.raises(dm_deepmimic.AssetNotFoundError, match=r"No state 'nothing\.npz'"):
            dm_deepmimic.load_state(tmp_path / "nothing.npz")

    def test_changed_ones_are_refused(self, walk, tmp_path):
        """Indices out of range in them would let kernels write anywhere."""
        path = tmp_path / "state.npz"
        walk.get_state().save(path)
        with np.load(path) as file:
            content = dict(file)
        for key in content:
            if content[key].size == 0:
                continue
            flipped = bytearray(content[key].tobytes())
            flipped[0] ^= 1
            array = np.frombuffer(flipped, content[key].dtype).reshape(content[key].shape)
            np.savez(path, **{**content, key: array})
            with pytest.raises(dm_deepmimic.AssetFormatError, match="a state as it was saved"):
                dm_deepmimic.load_state(path)

    @pytest.mark.parametrize("length", [0, 10, 200, 3000, 20000])
    def test_stumps_are_refused(self, walk, tmp_path, length):
        path = tmp_path / "state.npz"
        walk.get_state().save(path)
        path.write_bytes(path.read_bytes()[:length])
        with pytest.raises(dm_deepmimic.AssetFormatError, match="Expected "):
            dm_deepmimic.load_state(path)

    def test_they_are_read_without_pickle(self, tmp_path):
        path = tmp_path / "state.npz"
        np.savez(path, model=np.array([print], object))
        with pytest.raises(dm_deepmimic.AssetFormatError, match="Python objects"):
            dm_deepmimic.load_state(path)

    def test_any_name_will_do_and_the_old_file_stays_until_the_new_is_whole(self, walk, tmp_path):
        path = tmp_path / "of the walk"
        walk.get_state().save(path)
        assert zipfile.is_zipfile(path) and [path] == list(tmp_path.iterdir())
        assert len(dm_deepmimic.load_state(path)) == 1


def test_cores_without_states_say_so():
    import fake_core

    with fake_core.load_fake() as environment:
        environment.reset()
        for call in (environment.get_state, lambda: environment.set_state(None)):
            with pytest.raises(dm_deepmimic.UnsupportedError, match="does not support states"):
                call()
