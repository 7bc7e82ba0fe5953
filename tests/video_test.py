"""Tests of videos."""

import numpy as np
import pytest

from dm_deepmimic.viewer import __main__ as app
from dm_deepmimic.viewer.playback import Playback

WALK = "humanoid3d_walk"
pytestmark = pytest.mark.usefixtures("draws")


class TestVideos:
    @pytest.mark.parametrize(("name", "count"), [("walk.gif", 6), ("walk.mp4", 18)])
    def test_a_video_has_its_frames_and_they_move(self, tmp_path, name, count):
        imageio = pytest.importorskip("imageio.v2", reason="imageio writes videos")
        path = tmp_path / name
        app.main([WALK, "--core=embedded", f"--video={path}", "--seconds=0.3", "--size=128x96"])
        frames = [np.asarray(frame)[..., :3].astype(int) for frame in imageio.get_reader(path)]
        assert len(frames) == count and frames[0].shape == (96, 128, 3)
        assert np.abs(frames[-1] - frames[0]).max() > 50
        assert [each.name for each in tmp_path.iterdir()] == [name]

    def test_a_failure_leaves_the_old_video(self, tmp_path, monkeypatch):
        path = tmp_path / "walk.gif"
        path.write_bytes(b"old")

        def fail(*_):
            raise KeyError("in the middle")

        monkeypatch.setattr(Playback, "step", fail)
        with pytest.raises(KeyError):
            app.main([WALK, "--core=embedded", f"--video={path}", "--size=64x48"])
        assert path.read_bytes() == b"old"
        assert list(tmp_path.iterdir()) == [path]
