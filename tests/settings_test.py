"""Tests of the keys of scenes: defaults, ranges, and what compiled code takes of them."""

import dataclasses
import math
import typing

import numpy as np
import pytest

from dm_deepmimic import settings
from dm_deepmimic.embedded import scenes
from dm_deepmimic.settings import key

KINDS = {
    name: scenes.find(name).settings_type for name in (*scenes.deepmimic_names(), "imitate_clips")
}
FILES = {"character_files": ("c.txt",), "char_ctrl_files": ("k.txt",), "motion_file": "m.txt"}


@settings.define
class Base(settings.Settings):
    speed: float = key(1.0, settings.POSITIVE, "Speed [m/s].")
    bodies: tuple[int, ...] = key((), settings.IDS, "Bodies.")


@settings.define
class Derived(Base):
    speed: float = key(2.0, settings.POSITIVE, "Speed [m/s].")
    places: tuple[float, ...] = key((0.5, 1.5), settings.FINITE, "Places [m].")
    gravity: tuple[float, ...] = key((0.0, -1.6, 0.0), settings.POINT, "The moon's [m/s^2].")


def made(kind: type[settings.Settings], **values) -> typing.Any:
    return kind(scene="mine", **FILES, **values)


class TestDefine:
    def test_defaults_are_deepmimics(self):
        given = {
            "num_update_substeps": 1, "num_sim_substeps": 1, "world_scale": 1.0,
            "gravity": (0.0, -9.8, 0.0), "enable_char_contact_fall": True,
            "enable_rand_char_placement": True, "fall_contact_bodies": (),
            "sync_char_root_pos": True, "sync_char_root_rot": False, "enable_fall_end": True,
            "timer_type": "uniform", "time_lim_min": math.inf, "time_end_lim_exp": 1.0,
            "anneal_samples": -1,
        }  # fmt: skip
        for kind in KINDS.values():
            assert made(kind) == made(kind, **given)

    def test_settings_are_frozen(self):
        with pytest.raises(dataclasses.FrozenInstanceError):
            made(Base).scene = "other"

    def test_a_scenes_own_default_takes_the_place_of_a_shared_one(self):
        assert made(Base).speed == 1.0 and made(Derived).speed == 2.0
        assert made(Derived).gravity == (0.0, -1.6, 0.0)
        assert made(Base).gravity == (0.0, -9.8, 0.0)

    @pytest.mark.parametrize("missing", ["scene", *FILES])
    def test_names_of_files_and_scene_have_no_default(self, missing):
        names = {"scene": "mine", **FILES}
        del names[missing]
        with pytest.raises(TypeError, match=missing):
            Base(**names)


class TestValues:
    def test_they_are_the_scenes_own_keys_in_their_order(self):
        assert Base.Values._fields == ("speed", "bodies")
        assert Derived.Values._fields == ("speed", "bodies", "places")

    def test_each_class_has_a_type_of_its_own_by_its_place(self):
        assert Base.Values is not Derived.Values
        assert Derived.Values.__module__ == __name__
        assert Derived.Values.__qualname__ == "Derived.Values"

    def test_ids_are_arrays_and_numbers_stay(self):
        values = settings.values(made(Derived, speed=3.0, bodies=(4, 2)))
        assert isinstance(values, Derived.Values)
        assert values.speed == 3.0 and values.places == (0.5, 1.5)
        assert values.bodies.dtype == np.int64 and values.bodies.tolist() == [4, 2]

    def test_no_ids_are_an_empty_array(self):
        assert settings.values(made(Base)).bodies.shape == (0,)

    @pytest.mark.parametrize("name", KINDS)
    def test_those_of_a_scene_stand_in_the_scenes_file(self, name):
        kind = KINDS[name]
        assert kind.Values.__module__ == f"dm_deepmimic.embedded.scenes.{name}"
        own = settings.fields(kind).keys() - settings.fields(settings.Settings).keys()
        assert set(kind.Values._fields) == own


@pytest.mark.parametrize("name", KINDS)
class TestKeys:
    def test_a_key_has_a_meaning_in_one_sentence(self, name):
        for field in settings.fields(KINDS[name]).values():
            meaning = field.metadata["meaning"]
            assert meaning[0].isupper() and meaning.endswith("."), field.name

    def test_a_default_is_in_its_range(self, name):
        for field in settings.fields(KINDS[name]).values():
            fits = field.metadata["fits"]
            if fits is not None and field.default is not dataclasses.MISSING:
                assert fits.fits(field.default), field.name

    def test_keys_that_it_names_exist_with_values_in_its_order(self, name):
        known = settings.fields(KINDS[name])
        for field in known.values():
            low, like = field.metadata["at_least"], field.metadata["like"]
            assert not like or like in known, field.name
            assert not low or np.all(np.less_equal(known[low].default, field.default)), field.name

    def test_what_we_support_deepmimic_knows(self, name):
        for field in settings.fields(KINDS[name]).values():
            supports = field.metadata["supports"]
            assert not supports or supports in field.metadata["exists"], field.name


@pytest.mark.parametrize(
    ("name", "inside", "outside"),
    [
        ("POSITIVE", [1e-9, 5], [0, -1, math.inf, math.nan]),
        ("NOT_NEGATIVE", [0, 5], [-1e-9, math.inf, math.nan]),
        ("SHARE", [0, 0.5, 1], [-0.1, 1.1, math.nan]),
        ("TIME", [1e-9, math.inf], [0, -1, math.nan]),
        ("LEAST_TIME", [0, math.inf], [-1, math.nan]),
        ("COUNT", [1, 10_000], [0, 10_001]),
        ("FINITE", [(), (1.0, -2.0)], [(1.0, math.inf), (math.nan,)]),
        ("POINT", [(0.0, -9.8, 0.0)], [(1.0, 2.0), (1.0, 2.0, math.inf), (1.0,) * 4]),
        ("IDS", [(), (0, 3)], [(0, -1)]),
        ("BODY_IDS", [(), (0, 3)], [(0, -1)]),
        ("NAME", ["a"], [""]),
    ],
)
def test_a_range_holds_what_it_says(name, inside, outside):
    fits = getattr(settings, name).fits
    assert all(fits(value) for value in inside) and not any(fits(value) for value in outside)


def test_one_of_some_names():
    either = settings.one_of("clips", "motion")
    assert either.fits("clips") and not either.fits("clip")
    assert either.expected == "'clips' or 'motion'"
