"""Runs the standalone viewer as its command line does, and prints its state after each tick."""

import json
import sys

from dm_deepmimic.viewer import __main__ as app


def main() -> None:
    viewer = app.Viewer(app.parse(sys.argv[1:]))
    tick = viewer.tick

    def telling() -> float:
        wait = tick()
        playback, canvas = viewer.playback, viewer._canvas
        state = {
            "time": playback.core.get_time(),
            "paused": playback.paused,
            "speed": playback.speed,
            "back": playback._back,
            "core": id(playback.core),
            "roles": sorted(shape.role.name for shape in playback.shapes()),
            "size": viewer._window.size,
        }
        if canvas is not None:
            camera = canvas._camera
            state |= {
                "ghost": canvas.ghost,
                "help": canvas.shows_help,
                "follows": canvas.follows,
                "pushed": canvas._pushed,
                "camera": [camera.azimuth, camera.elevation, camera.distance, *camera.lookat],
            }
        if hasattr(playback.core, "batch"):
            state["force"] = playback.core.batch.worlds.physics.push[0].sum(0).tolist()
        print(json.dumps(state), flush=True)
        return wait

    viewer.tick = telling
    viewer.run()
    print(json.dumps({"ended": True}), flush=True)


if __name__ == "__main__":
    main()
