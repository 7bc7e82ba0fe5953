"""Tests of the package `deepmimic`: where it is found, and the real one where it is installed, the
fork dhruvsreenivas/amp_extensions.

Its assertions abort the process, so that these tests also show that none of them is reached.
"""

import contextlib
import os
import sys
import types

import numpy as np
import packages
import pytest
from fake_core import FakeEnv

import dm_deepmimic
from dm_deepmimic import loading
from dm_deepmimic.foreign import deepmimic

WALK, BACKFLIP = "humanoid3d_walk", "humanoid3d_backflip"
works = deepmimic.works  # before the tests' choice of the embedded core
needs_package = pytest.mark.skipif(
    not packages.is_real(), reason="the package deepmimic is not installed"
)


@pytest.mark.skipif(packages.is_real(), reason="the real one is installed")
class TestDeepMimicPackage:
    @pytest.fixture(autouse=True)
    def real_choice(self, monkeypatch):
        monkeypatch.setattr(deepmimic, "works", works)
        paths = [path for path in sys.path if path != str(packages.STAND_IN)]
        monkeypatch.setattr(sys, "path", paths)
        packages.forget()
        yield
        packages.forget()

    @pytest.fixture(name="install")
    def install_fixture(self, tmp_path, monkeypatch):
        """Returns a function that installs a package `deepmimic` with a module's text."""

        def install(text: str) -> None:
            folder = tmp_path / "deepmimic" / "env"
            folder.mkdir(parents=True)
            for package in (folder, folder.parent):
                (package / "__init__.py").write_text("")
            (folder / "deepmimic_env.py").write_text(text)
            monkeypatch.syspath_prepend(str(tmp_path))
            monkeypatch.setitem(sys.modules, "fake_core", types.SimpleNamespace(FakeEnv=FakeEnv))

        return install

    def test_it_is_made_where_its_shaders_are_if_it_draws(self, install):
        install(
            "import os\nfrom fake_core import FakeEnv\n"
            "class DeepMimicEnv(FakeEnv):\n"
            "    def __init__(self, args, draws):\n"
            "        super().__init__(args, draws)\n"
            "        self.folder = os.getcwd()\n"
        )
        here = os.getcwd()
        for draws in (True, False):
            core = loading.load_core(WALK, core="deepmimic", seed=0, enable_draw=draws)
            assert (core.env.folder.endswith("deepmimic"), core.env.enable_draw) == (draws, draws)
            assert os.getcwd() == here
            core.close()

    def test_it_is_taken_where_it_imports(self, install):
        install("from fake_core import FakeEnv as DeepMimicEnv")
        for core in ("auto", "deepmimic"):
            with dm_deepmimic.load(WALK, core=core, seed=0) as environment:
                assert environment.core_name == "deepmimic"
                assert isinstance(environment.core.env, FakeEnv)

    def test_one_that_does_not_import_gives_way_with_a_warning(self, install):
        install("import no_such_library")
        with pytest.warns(UserWarning) as caught:
            environment = dm_deepmimic.load(WALK, seed=0)
        assert environment.core_name == "embedded"
        sentence = (
            "The core 'deepmimic' cannot be imported: No module named 'no_such_library' "
            "(in deepmimic.env.deepmimic_env)."
        )
        assert str(caught[0].message) == f"{sentence} The embedded core takes its place."
        assert caught[0].filename == __file__
        with pytest.raises(dm_deepmimic.CoreError) as error:
            dm_deepmimic.load(WALK, core="deepmimic")
        assert str(error.value) == sentence

    def test_without_it_the_embedded_core_is_taken_and_no_word_said(self, recwarn):
        with dm_deepmimic.load(WALK, seed=0) as environment:
            assert environment.core_name == "embedded"
        assert not recwarn.list
        with pytest.raises(dm_deepmimic.CoreError, match="No module named 'deepmimic'"):
            dm_deepmimic.load(WALK, core="deepmimic")


def load(name=WALK, **options):
    return dm_deepmimic.load(name, core="deepmimic", seed=0, **options)


@needs_package
class TestAgreement:
    @pytest.mark.parametrize("name", [WALK, BACKFLIP, "humanoid3d_getup_facedown"])
    def test_the_embedded_core_has_its_specs_and_its_first_states(self, name, tmp_path):
        with contextlib.chdir(tmp_path):
            theirs = load(name)
        with dm_deepmimic.load(name, core="embedded", seed=0) as ours:
            for spec in ("action_spec", "observation_spec", "reward_spec", "discount_spec"):
                one, other = getattr(ours, spec)(), getattr(theirs, spec)()
                assert (one.shape, one.dtype, one.name) == (other.shape, other.dtype, other.name)
                np.testing.assert_allclose(one.minimum, other.minimum, atol=1e-12)
                np.testing.assert_allclose(one.maximum, other.maximum, atol=1e-12)
            assert ours.control_timestep() == theirs.control_timestep()
            for frame in (0, 3, 11):
                one, other = (each.reset_to(frame=frame).observation for each in (ours, theirs))
                np.testing.assert_allclose(one, other, atol=2e-5)
                time = 0.03 * frame + 0.01
                one, other = (each.reset_to(time=time).observation for each in (ours, theirs))
                np.testing.assert_allclose(one, other, atol=2e-5)

    def test_the_embedded_core_follows_it_for_a_control_step(self):
        theirs = load()
        with dm_deepmimic.load(WALK, core="embedded", seed=0) as ours:
            for time in (0.1, 0.5, 0.9):
                action = ours.core.reference_actions(time + 1.0 / 30.0)[0]
                steps = []
                for each in (ours, theirs):
                    each.reset_to(time=time)
                    steps.append(each.step(action))
                assert steps[0].reward == pytest.approx(steps[1].reward, abs=1e-2)
                np.testing.assert_allclose(
                    steps[0].observation[1:137], steps[1].observation[1:137], atol=2e-2
                )

    @pytest.mark.parametrize(
        "noise",
        [
            {},
            {"interp": 0.5, "knee_rot": True},
            {"low": -0.03, "high": 0.05, "noise_bef_rot": True, "resolve": False},
        ],
    )
    def test_noise_of_resets_spreads_states_alike(self, noise):
        spreads = []
        for core in ("embedded", "deepmimic"):
            with dm_deepmimic.load(WALK, core=core, seed=0) as environment:
                states = []
                for _ in range(500):
                    environment.core.reset_time(0.3, radian=0.2, **noise)
                    states.append(environment.core.record_state())
                spreads.append(np.std(states, axis=0) + 1e-3)
        assert np.max(np.abs(np.log(spreads[0] / spreads[1]))) < 0.3


@needs_package
class TestCore:
    def test_equal_seeds_replay(self):
        environment = load(reset_args={"radian": 0.1, "noise_min": -0.01, "noise_max": 0.01})
        states = []
        for _ in range(2):
            environment.core.seed(7)
            states.append([environment.reset().observation for _ in range(3)])
        np.testing.assert_array_equal(states[0], states[1])
        assert not np.array_equal(states[0][0], states[0][1])

    def test_the_time_limit_is_not_the_half_second_that_annealing_starts_with(self):
        environment = load(enable_fall_end=False, time_limit=1.0)
        environment.reset()
        while not environment.step(np.zeros(28)).last():
            pass
        assert environment.core.get_time() == pytest.approx(1.0, abs=2e-3)
        assert environment.end_reason is dm_deepmimic.EndReason.TIME_LIMIT

    def test_an_exploding_action_is_invalid_and_a_reset_recovers(self):
        environment = load(enable_fall_end=False)
        environment.reset()
        timestep = environment.step(np.full(28, 1e6))
        while not timestep.last():
            timestep = environment.step(np.full(28, 1e6))
        assert environment.end_reason is dm_deepmimic.EndReason.INVALID
        assert timestep.reward == timestep.discount == 0.0
        assert np.all(np.isfinite(environment.reset().observation))
