"""Tests of recorded episodes: any policy, core and scene, what the file holds, and its replay."""

import dataclasses
import json

import numpy as np
import pytest

import dm_deepmimic
from dm_deepmimic import EndReason, array_files, evaluate, policies, replay
from dm_deepmimic.evaluation import evaluating, records
from dm_deepmimic.viewer import playback, replays

WALK = "humanoid3d_walk"


@pytest.fixture(scope="module", name="recorded")
def recorded_fixture(tmp_path_factory):
    """The file of 5 episodes, of which some fall and some are cut."""
    path = tmp_path_factory.mktemp("records") / "walk.npz"
    evaluate.main([
        WALK, "--policy=reference", "--episodes=5", "--seconds=0.95", f"--record={path}",
        "--seed=7", "--set=num_sim_substeps=1",
    ])  # fmt: skip
    return path


def changed(recorded, tmp_path, **arrays):
    """Returns a copy of the file with other arrays."""
    file = array_files.read(recorded, "record")
    path = tmp_path / "changed.npz"
    array_files.write(path, {name: file[name] for name in file.names} | arrays)
    return path


def header_of(path):
    return json.loads(array_files.read(path, "record").text("about"))


class TestContent:
    def test_it_is_what_happened(self, recorded):
        record = records.read_record(recorded)
        assert record.about == {
            "policy": "reference", "core": "embedded", "version": dm_deepmimic.__version__,
        }  # fmt: skip
        assert record.arguments == {"name_or_path": WALK, "mode": "test", "num_sim_substeps": 1}
        assert {one.end_reason for one in record.trajectories} == {
            EndReason.FALL, EndReason.TIME_LIMIT,
        }  # fmt: skip
        with dm_deepmimic.load(
            WALK, core="embedded", mode="test", num_sim_substeps=1
        ) as environment:
            policy = policies.open_policy("reference", environment.core, 0)
            for seed, one in enumerate(record.trajectories, start=7):
                timestep = environment.reset(seed=seed)
                assert (one.seed, one.clip) == (seed, "humanoid3d_walk")
                np.testing.assert_array_equal(one.steps.observations[0], timestep.observation)
                for step, action in enumerate(one.steps.actions):
                    np.testing.assert_array_equal(action, policy(timestep.observation))
                    timestep = environment.step(action)
                    np.testing.assert_array_equal(
                        one.steps.observations[step + 1], timestep.observation
                    )
                    assert one.rewards[step] == timestep.reward
                    terms = environment.episode_info["reward_terms"]
                    assert terms == {name: term[step] for name, term in one.terms.items()}
                ended = one.end_reason if one.end_reason is EndReason.FALL else EndReason.NONE
                assert environment.end_reason is ended

    def test_numpy_reads_it(self, recorded):
        with np.load(recorded) as file:
            lengths = file["lengths"]
            assert file["observations"].shape == (lengths.sum() + 5, 227)
            assert file["actions"].shape == (lengths.sum(), 28)
            assert file["rewards"].shape == (lengths.sum(),)
            assert file["terms"].shape == (lengths.sum(), 5)

    def test_folders_of_the_names_of_words_are_no_files(self, tmp_path, monkeypatch, capsys):
        monkeypatch.chdir(tmp_path)
        for name in ("test", WALK):
            (tmp_path / name).mkdir()
        evaluate.main([WALK, "--policy=zero", "--episodes=1", "--seconds=0.1", "--record=walk.npz"])
        record = records.read_record("walk.npz")
        assert record.arguments == {"name_or_path": WALK, "mode": "test"}
        replay.main(["walk.npz"])

    def test_a_state_branches_from_the_start(self, recorded):
        one = records.read_record(recorded).trajectories[2]
        with dm_deepmimic.load_batch(WALK, 3, mode="test", num_sim_substeps=1) as batch:
            batch.set_state(one.steps.state[np.zeros(3, int)])
            for step, action in enumerate(one.steps.actions):
                timestep = batch.step(np.tile(action, (3, 1)))
                for row in timestep.observation:
                    np.testing.assert_array_equal(row, one.steps.observations[step + 1])


class TestReplay:
    def test_it_is_bitwise(self, recorded, capsys):
        replay.main([str(recorded)])
        lines = capsys.readouterr().out.splitlines()
        assert len(lines) == 5 and all(line.endswith("  the same") for line in lines)
        assert lines[0].split()[:4] == ["0", "seed", "7", lines[0].split()[3]]

    @pytest.mark.parametrize("options", [
        ["humanoid3d_all", "--policy=zoo:all", "--episodes=3"],
        ["amp_target_humanoid3d_locomotion", "--policy=random", "--episodes=2"],
        [WALK, "--policy=random", "--mode=train", "--episodes=66"],
    ])  # fmt: skip
    def test_of_other_scenes_policies_and_more_episodes_than_worlds(
        self, options, tmp_path, capsys
    ):
        path = tmp_path / "record.npz"
        evaluate.main([*options, "--seconds=0.3", f"--record={path}"])
        replay.main([str(path)])
        assert "from step" not in capsys.readouterr().out

    def test_what_differs_is_told(self, recorded, tmp_path, capsys):
        file = array_files.read(recorded, "record")
        first, second = file["lengths"][:2]
        rewards, actions = file["rewards"].copy(), file["actions"].copy()
        rewards[2] += 1e-9
        actions[first + second - 1] += 0.1  # the last of the second episode
        path = changed(recorded, tmp_path, rewards=rewards, actions=actions)
        with pytest.raises(SystemExit) as raised:
            replay.main([str(path)])
        assert str(raised.value) == "replay: not all is as it was where it was recorded."
        lines = capsys.readouterr().out.splitlines()
        assert lines[0].endswith("differs from step 3 on")
        assert lines[1].endswith(f"differs from step {second} on")
        assert all(line.endswith("the same") for line in lines[2:])

    def test_an_end_that_differs_is_told(self, recorded, tmp_path, capsys):
        file = array_files.read(recorded, "record")
        reasons = file["end_reasons"].copy()
        fell = int(np.argmax(reasons == EndReason.FALL))
        reasons[fell] = EndReason.CLIP_END
        with pytest.raises(SystemExit):
            replay.main([str(changed(recorded, tmp_path, end_reasons=reasons))])
        line = capsys.readouterr().out.splitlines()[fell]
        assert line.endswith(f"ends after {file['lengths'][fell]} steps by FALL")

    def test_the_viewer_plays_one_after_the_other(self, recorded):
        core, act = replays.open_replay(recorded)
        ran = records.read_record(recorded).trajectories
        try:
            for one in [*ran, ran[0]]:
                core.reset()
                np.testing.assert_array_equal(core.record_state(), one.steps.observations[0])
                for step, action in enumerate(one.steps.actions):
                    np.testing.assert_array_equal(act(core.record_state()), action)
                    core.set_action(0, action)
                    core.control_step()
                    np.testing.assert_array_equal(
                        core.record_state(), one.steps.observations[step + 1]
                    )
                assert core.end_reason() in (EndReason.NONE, EndReason.FALL)
        finally:
            core.close()

    def test_the_viewer_ends_an_episode_that_was_cut(self, recorded):
        core, act = replays.open_replay(recorded)
        ran = records.read_record(recorded).trajectories
        shown, lengths, before = playback.Playback(core, act), [], 0.0
        try:
            while len(lengths) < len(ran):
                shown.step()
                if core.get_time() < before:
                    lengths.append(before)
                before = core.get_time()
        finally:
            core.close()
        for one, length in zip(ran, lengths, strict=True):
            assert abs(length - len(one.rewards) * one.timestep) <= 2 * playback.FRAME

    def test_zeros_of_other_signs_differ(self, recorded):
        one = records.read_record(recorded).trajectories[0]
        zeros = dataclasses.replace(one, rewards=np.zeros_like(one.rewards))
        negative = dataclasses.replace(one, rewards=-zeros.rewards)
        assert not [*records.differences([zeros], [zeros])]
        assert [*records.differences([zeros], [negative])] == [(0, "differs from step 1 on")]


class TestForeignCores:
    def test_they_are_recorded_and_not_played_again(self, tmp_path):
        path = tmp_path / "record.npz"
        evaluate.main([
            WALK, "--policy=zero", "--core=pybullet", "--episodes=2", "--seconds=0.2",
            f"--record={path}",
        ])  # fmt: skip
        record = records.read_record(path)
        assert record.about["core"] == "pybullet"
        assert [one.steps.state for one in record.trajectories] == [None, None]
        assert record.trajectories[0].steps.observations.shape[1] == 197
        with pytest.raises(SystemExit) as raised:
            replay.main([str(path)])
        assert str(raised.value) == (
            "replay: The pybullet core does not support episodes that are played again."
        )


class TestRefusals:
    @pytest.mark.parametrize(("arrays", "sentence"), [
        ({"lengths": np.array([1.0])}, "Expected shape (5,) at lengths in "),
        ({"lengths": np.full(5, -1)}, "Expected whole numbers from 1 to 2147483648 at lengths in "),
        ({"lengths": np.zeros(5, int)},
         "Expected whole numbers from 1 to 2147483648 at lengths in "),
        ({"end_reasons": np.full(5, 7)}, "Expected whole numbers from 0 to 6 at end_reasons in "),
        ({"actions": np.zeros((3, 28))}, "Expected shape ("),
        ({"rewards": np.zeros(3)}, "Expected shape ("),
        ({"about": np.array("[]")},
         "Expected what a record tells of its scene and its episodes at about in "),
        ({"about": np.array("{")},
         "Expected what a record tells of its scene and its episodes at about in "),
        ({"digest": np.array("0")}, "Expected a state as it was saved at digest in "),
    ])  # fmt: skip
    def test_broken_files(self, recorded, tmp_path, arrays, sentence):
        path = changed(recorded, tmp_path, **arrays)
        with pytest.raises(dm_deepmimic.AssetFormatError) as raised:
            records.read_record(path)
        assert str(raised.value).startswith(sentence) and str(path) in str(raised.value)

    @pytest.mark.parametrize("arguments", [
        {"mode": "test"}, {"name_or_path": WALK, "dump_dir": "elsewhere"},
        {"name_or_path": WALK, "num_envs": 3}, {"name_or_path": 3},
    ])  # fmt: skip
    def test_arguments_that_do_more_than_open_a_scene(self, recorded, tmp_path, arguments):
        header = json.dumps(header_of(recorded) | {"arguments": arguments})
        path = changed(recorded, tmp_path, about=np.array(header))
        with pytest.raises(dm_deepmimic.AssetFormatError, match="Expected arguments that open a"):
            records.read_record(path)

    def test_contacts_that_do_not_fit_together(self, recorded, tmp_path):
        record = records.read_record(recorded)
        state = record.trajectories[0].steps.state
        pairs = np.zeros_like(state.rows["physics.pairs"])
        wrong = state.changed({**state.rows, "physics.pairs": pairs}, state.shared)
        with (
            dm_deepmimic.load(WALK, mode="test", num_sim_substeps=1) as environment,
            pytest.raises(dm_deepmimic.StateError, match="Expected contacts that fit together in"),
        ):
            environment.set_state(wrong)

    def test_a_policy_that_changes_what_it_sees(self, tmp_path, capsys):
        def policy(observation):
            observation -= 1.0
            return np.zeros(28)

        with dm_deepmimic.load(WALK, seed=0, core="embedded") as environment:
            ran = evaluating.run_episodes(
                environment, policy, episodes=1, seconds=0.3, seed=0, keep_steps=True
            )
        record = records.Record({"name_or_path": WALK}, {"core": "embedded"}, ran)
        record.save(tmp_path / "walk.npz")
        replay.main([str(tmp_path / "walk.npz")])
        assert capsys.readouterr().out.endswith("the same\n")

    def test_another_format(self, recorded, tmp_path):
        header = json.dumps(header_of(recorded) | {"format": 2})
        path = changed(recorded, tmp_path, about=np.array(header))
        with pytest.raises(dm_deepmimic.AssetFormatError, match="Expected format 1 at about in"):
            records.read_record(path)

    def test_no_file(self, tmp_path):
        with pytest.raises(SystemExit, match=r"^replay: No episode 'nowhere\.npz'"):
            replay.main([str(tmp_path / "nowhere.npz")])

    def test_observations_in_parts(self):
        with (
            dm_deepmimic.load(WALK, observation="dict") as environment,
            pytest.raises(ValueError, match="Expected observation='flat' of an environment whose"),
        ):
            evaluating.run_episodes(
                environment,
                lambda _: np.zeros(28),
                episodes=1,
                seconds=1.0,
                seed=0,
                keep_steps=True,
            )

    def test_what_cannot_be_written_does_not_hide_the_measures(self, tmp_path, monkeypatch, capsys):
        def fail(record, path):
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(records.Record, "save", fail)
        path, json_path = tmp_path / "walk.npz", tmp_path / "walk.json"
        with pytest.raises(SystemExit, match="No space left on device"):
            evaluate.main([
                WALK, "--policy=zero", "--episodes=1", "--seconds=0.1", f"--record={path}",
                f"--json={json_path}",
            ])  # fmt: skip
        assert "survival" in capsys.readouterr().out and json_path.exists()

    def test_a_folder_that_does_not_exist(self, tmp_path):
        with pytest.raises(SystemExit, match="Expected a file in a folder that exists, got"):
            evaluate.main([WALK, "--policy=zero", f"--record={tmp_path}/nowhere/walk.npz"])
