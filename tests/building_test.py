"""Tests of what the embedded core is built from, and of what it refuses."""

import pytest

import dm_deepmimic

WALK = "humanoid3d_walk"


class TestSupport:
    def test_a_fall_body_that_does_not_exist_is_named(self):
        with pytest.raises(dm_deepmimic.ArgumentError) as error:
            dm_deepmimic.load(WALK, fall_contact_bodies=[0, 15])
        assert str(error.value) == (
            "Expected body ids from 0 to 14 of humanoid3d.txt for 'fall_contact_bodies' "
            "in override, got 15."
        )

    def test_terrain_other_than_a_plane_is_refused(self, tmp_path):
        path = tmp_path / "hills.txt"
        path.write_text('{"Type": "var2d"}')
        with pytest.raises(dm_deepmimic.UnsupportedError) as error:
            dm_deepmimic.load(WALK, terrain_file=str(path))
        assert str(error.value) == (
            f"The embedded core does not support terrain 'var2d' in {path}. It supports 'plane'."
        )

    @pytest.mark.parametrize("key", ["state_files", "char_init_pos_xs"])
    def test_other_starts_are_refused(self, key):
        value = ["state.txt"] if key == "state_files" else [1.0]
        with pytest.raises(dm_deepmimic.UnsupportedError) as error:
            dm_deepmimic.load(WALK, **{key: value})
        assert str(error.value) == f"The embedded core does not support '{key}'."
