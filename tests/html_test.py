"""Tests of recordings as a page: what is in them, and that a browser plays them."""

import base64
import json
import re
import shutil
import subprocess

import numpy as np
import pytest

import dm_deepmimic
from dm_deepmimic import shapes
from dm_deepmimic.rendering import drawing
from dm_deepmimic.shapes import Role
from dm_deepmimic.viewer import __main__ as app
from dm_deepmimic.viewer import html
from dm_deepmimic.viewer.playback import FRAME, Playback

WALK = "humanoid3d_walk"


def read(path) -> dict:
    """Returns a page's data, with arrays in place of their text."""
    data = re.search(r'<script id="data" type="application/json">(.*?)</script>', path.read_text())
    content = json.loads(data[1])
    content["who"] = np.frombuffer(base64.b64decode(content["who"]), "<u2")
    content["rows"] = np.frombuffer(base64.b64decode(content["rows"]), "<f4").reshape(-1, 7)
    return content


class Unseen:
    """A core without an agent, which does not tell its shapes."""

    name = "unseen"

    def __init__(self, period: float = np.inf):
        self.count, self._period = 0, period

    def reset(self): ...

    def update(self, timestep: float):
        self.count += round(timestep / FRAME)

    def get_time(self) -> float:
        return self.count * FRAME % self._period


class Stage(Unseen):
    """One in which a ball is seen in every other frame."""

    def shapes(self) -> list[shapes.Shape]:
        place = (0.1 * self.count, 1.0, 0.0)
        body = shapes.sphere(place, 0.4, Role.BODY)._replace(body=0, color=np.array([1, 0, 0, 1]))
        balls = [shapes.sphere((0.0, 0.2, self.count), 0.2, Role.BALL)]
        return [body, *(balls if self.count % 2 else [])]


class TestRecording:
    def test_each_frame_has_the_shapes_of_that_time(self, tmp_path):
        player = dm_deepmimic.load_player(WALK)
        html.record(Playback(player), tmp_path / "walk.html", 0.5, title="walk")
        content = read(tmp_path / "walk.html")
        assert content["counts"] == 30 * [15] and content["rate"] == 60.0
        player.reset()
        for frame in range(30):
            for place, shape in enumerate(player.shapes()):
                row, look = content["rows"][15 * frame + place], content["who"][15 * frame + place]
                np.testing.assert_allclose(row[:3], shape.position, atol=1e-6)
                np.testing.assert_allclose(row[3:], shape.rotation, atol=1e-6)
                seen = content["looks"][look]
                assert (seen["role"], seen["kind"], seen["casts"]) == ("BODY", shape.kind, True)
                np.testing.assert_allclose(seen["size"], shape.size, atol=1e-4)
                np.testing.assert_allclose(seen["color"], shape.color, atol=1e-4)
            player.update(FRAME)

    def test_what_comes_and_goes_is_in_its_own_frames(self, tmp_path):
        html.record(Playback(Stage()), tmp_path / "stage.html", 4 * FRAME, title="stage")
        content = read(tmp_path / "stage.html")
        assert content["counts"] == [1, 2, 1, 2] and content["who"].tolist() == [0, 0, 1, 0, 0, 1]
        assert [look["role"] for look in content["looks"]] == ["BODY", "BALL"]
        assert [look["color"] for look in content["looks"]] == [
            [1.0, 0.0, 0.0, 1.0], list(drawing.COLORS[Role.BALL]),
        ]  # fmt: skip
        assert content["rows"][[2, 5], 2].tolist() == [1.0, 3.0]

    def test_lines_are_told_by_frame_and_rewards_are_bars(self):
        recording = html.Recording()
        for lines in (
            [("time", "0.00 s"), ("reward", "0.500"), ("  pose", "0.25"), ("speed", "1.00 x")],
            [("time", "0.02 s"), ("reward", "0.600"), ("  pose", "0.50"), ("end", "FALL")],
            [("time", "0.03 s")],
        ):
            playback = Playback(Stage())
            playback.lines = lambda lines=lines: lines
            recording.note(playback)
        content = recording.content(drawing.Camera(), "off")
        assert content["lines"] == {
            "time": ["0.00 s", "0.02 s", "0.03 s"],
            "reward": ["0.500", "0.600", None],
            "  pose": ["0.25", "0.50", None],
            "end": [None, "FALL", None],
        }
        assert content["bars"] == ["reward", "  pose"]

    def test_begins_of_episodes_are_told(self, tmp_path):
        playback = Playback(Stage(period=4.5 * FRAME))
        html.record(playback, tmp_path / "stage.html", 10 * FRAME, title="stage")
        assert read(tmp_path / "stage.html")["begins"] == [5, 9]

    @pytest.mark.parametrize(
        ("camera", "desired"),
        [
            (drawing.Camera(), ([0.0, 0.5, 0.0], True)),
            (drawing.Camera(focus=(1.0, 2.0, 3.0), distance=4.0), ([1.0, 2.0, 3.0], False)),
        ],
    )
    def test_the_camera_is_the_viewers(self, tmp_path, camera, desired):
        path = tmp_path / "stage.html"
        html.record(Playback(Stage()), path, 1.0, title="stage", camera=camera, ghost="over")
        content = read(path)
        height = drawing.HEIGHT * 0.4  # of a character that is a sphere
        focus, follows = desired
        if follows:
            focus = [0.0, 0.5 * height, 0.0]
        distance = drawing.FIT * height if follows else 4.0
        assert content["camera"] == {
            "azimuth": 110.0, "elevation": -12.0, "distance": pytest.approx(distance),
            "focus": pytest.approx(focus), "follows": follows,
        }  # fmt: skip
        assert content["ghost"] == "over"


class TestPages:
    @pytest.fixture(name="page")
    def page_fixture(self, tmp_path):
        return tmp_path / "page.html"

    def test_no_text_ends_the_element_that_holds_it(self):
        text = html.page("<b>{{data}}</b>", {"end": "</script><script>alert(1)"})
        assert "<title>&lt;b&gt;{{data}}&lt;/b&gt;</title>" in text
        assert "alert(1)" in text and "<script>alert(1)" not in text
        assert text.count("</script>") == 2

    def test_a_page_needs_nothing_else(self):
        text = html.page("walk", {})
        assert re.findall(r"https?:|//\w+\.|\bsrc=|\bimport\b|@import|url\(|fetch\(", text) == []
        assert "{{" not in text

    def test_ten_seconds_are_about_a_megabyte(self, page):
        app.main([WALK, "--core=embedded", f"--html={page}", "--seconds=2"])
        content = read(page)
        assert len(content["counts"]) == 120 and content["bars"][:2] == ["reward", "  pose"]
        assert {look["role"] for look in content["looks"]} >= {"BODY", "REFERENCE", "CONTACT"}
        assert page.stat().st_size < 3e5

    def test_a_clip_alone_is_recorded(self, page):
        app.main([WALK, "--play", f"--html={page}", "--seconds=0.1", "--camera=side"])
        content = read(page)
        assert content["counts"] == 6 * [15] and content["camera"]["azimuth"] == 90.0
        assert "<title>humanoid3d_walk</title>" in page.read_text()

    def test_a_failure_leaves_the_old_page(self, page, monkeypatch):
        page.write_text("old")

        def fail(*_):
            raise KeyError("in the middle")

        monkeypatch.setattr(html, "page", fail)
        with pytest.raises(KeyError):
            html.record(Playback(Stage()), page, 0.1, title="stage")
        assert page.read_text() == "old" and list(page.parent.iterdir()) == [page]

    @pytest.mark.parametrize(
        ("name", "seconds", "sentence"),
        [
            ("walk.txt", 1.0, "Expected a page named .html, got 'walk.txt'."),
            ("no/a.html", 1.0, "Expected a page in a folder that exists, got 'no/a.html'."),
            ("a.html", 0.0, "Expected a page of 1/60 to 600 seconds, got 0.0."),
            ("a.html", np.nan, "Expected a page of 1/60 to 600 seconds, got nan."),
        ],
    )
    def test_mistakes_end_with_a_sentence(self, name, seconds, sentence, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        with pytest.raises(SystemExit) as error:
            app.main([WALK, "--play", f"--html={name}", f"--seconds={seconds}"])
        assert str(error.value) == f"dm-deepmimic-view: {sentence}"

    def test_what_draws_itself_is_not_recorded(self, page):
        with pytest.raises(dm_deepmimic.UnsupportedError) as error:
            html.record(Playback(Unseen()), page, 1.0, title="unseen")
        assert str(error.value) == "The unseen core does not support recordings as a page."


BROWSER = shutil.which("chromium")
# What a user does, and how the page stands then.
PROBE = """<script>
const told = [];
function note() {
  told.push([Math.floor(state.frame), state.plays, state.ghost, camera.follows]);
}
for (const key of [" ", "End", "ArrowLeft", "Home", "ArrowRight", "g", "c"]) {
  dispatchEvent(new KeyboardEvent("keydown", {key}));
  note();
}
element("speed").dispatchEvent(new KeyboardEvent("keydown", {key: "End", bubbles: true}));
note();
const before = {...camera, focus: [...camera.focus]};
const point = (kind, clientX, clientY, buttons, pointerId = 1) => canvas.dispatchEvent(
  new PointerEvent(kind, {pointerId, clientX, clientY, buttons, bubbles: true}));
canvas.setPointerCapture = () => {};
point("pointerdown", 100, 100, 1);
point("pointermove", 150, 120, 1);
point("pointerup", 150, 120, 0);
canvas.dispatchEvent(new WheelEvent("wheel", {deltaY: 100, cancelable: true}));
told.push([camera.azimuth < before.azimuth, camera.elevation < before.elevation,
  camera.distance > before.distance]);
const near = camera.distance;
point("pointerdown", 100, 100, 1, 1);
point("pointerdown", 100, 200, 1, 2);
point("pointermove", 100, 300, 1, 2);
point("pointerup", 100, 300, 0, 2);
point("pointerup", 100, 100, 0, 1);
told.push(camera.distance / near);
point("pointerdown", 100, 100, 2);
point("pointermove", 120, 100, 2);
point("pointerup", 120, 100, 0);
told.push(camera.focus.map((value, i) => value === before.focus[i]));
element("home").click();
told.push([camera.azimuth, camera.elevation, camera.distance]);
document.documentElement.dataset.told = JSON.stringify(told);
</script>"""


@pytest.fixture(name="walk", scope="module")
def walk_fixture(tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "walk.html"
    app.main([WALK, "--core=embedded", f"--html={path}", "--seconds=1", "--ghost=beside"])
    return path


@pytest.mark.skipif(BROWSER is None, reason="chromium is not installed")
class TestInABrowser:
    @staticmethod
    def browse(folder, address: str, *options: str) -> str:
        """Returns what the browser prints."""
        command = [
            BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--use-angle=swiftshader",
            "--enable-unsafe-swiftshader", "--virtual-time-budget=2000", "--hide-scrollbars",
            f"--user-data-dir={folder}", *options, address,
        ]  # fmt: skip
        return subprocess.run(
            command, capture_output=True, text=True, check=True, timeout=120
        ).stdout

    @pytest.mark.parametrize(("width", "height"), [(1000, 600), (400, 700)])
    def test_the_character_is_in_the_middle(self, walk, tmp_path, width, height):
        image = pytest.importorskip("PIL.Image", reason="Pillow reads the screenshots")
        path = tmp_path / "page.png"
        size, address = f"--window-size={width},{height}", f"{walk.as_uri()}#0.5"
        self.browse(tmp_path / "user", address, size, f"--screenshot={path}")
        pixels = np.array(image.open(path).convert("RGB")).astype(int)
        assert pixels.shape == (height, width, 3)
        seen = pixels[:, width // 3 : -width // 3]
        blue = (seen[..., 2] - seen[..., 0] > 35) & (np.indices(seen.shape[:2])[0] < 0.85 * height)
        rows, columns = np.nonzero(blue)
        assert len(rows) > 2000 and np.ptp(rows) > 0.4 * height
        assert columns.mean() == pytest.approx(seen.shape[1] / 2, abs=0.1 * width)

    def test_it_plays_without_an_error_and_tells_what_there_is(self, walk, tmp_path):
        shown = self.browse(tmp_path / "user", walk.as_uri(), "--dump-dom")
        assert 'data-state="drawn"' in shown
        assert re.search(r'<span class="name">end_effector</span>', shown)
        assert re.search(r'<i class="" style="width: \d+', shown)

    def test_it_opens_at_a_second(self, walk, tmp_path):
        shown = self.browse(tmp_path / "user", f"{walk.as_uri()}#0.5", "--dump-dom")
        assert '<span id="clock">0.50 / 0.98 s</span>' in shown

    def test_keys_and_mouse_do_what_they_say(self, walk, tmp_path):
        page = tmp_path / "probed.html"
        page.write_text(walk.read_text().replace("</body>", PROBE + "</body>"))
        shown = self.browse(tmp_path / "user", f"{page.as_uri()}#0.5", "--dump-dom")
        told = json.loads(re.search(r'data-told="([^"]*)"', shown)[1].replace("&quot;", '"'))
        assert told[:8] == [
            [30, True, "beside", True],
            [59, False, "beside", True],
            [58, False, "beside", True],
            [0, False, "beside", True],
            [1, False, "beside", True],
            [1, False, "off", True],
            [1, False, "off", False],
            [1, False, "off", False],  # a list's own key
        ]
        assert told[8] == [True, True, True]
        assert told[9] == pytest.approx(0.5)  # of two fingers that go apart
        assert told[10] == [False, True, False]
        assert told[11][:2] == [110.0, -12.0]

    def test_a_page_that_cannot_be_drawn_says_so(self, walk, tmp_path):
        page = tmp_path / "broken.html"
        page.write_text(walk.read_text().replace('getContext("webgl2"', 'getContext("none"'))
        shown = self.browse(tmp_path / "user", page.as_uri(), "--dump-dom")
        assert 'data-state="failed"' in shown
        assert "This browser has no WebGL 2, which draws the recording." in shown
