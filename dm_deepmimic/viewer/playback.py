"""Playing a simulation or a clip frame by frame: pause, step, speed, restart; no window."""

import collections
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from dm_deepmimic import capabilities
from dm_deepmimic.core import Core, EndReason
from dm_deepmimic.rendering.canvas import Lines, core_lines, end_line
from dm_deepmimic.shapes import Shape
from dm_deepmimic.viewer.policies import Policy

FRAME = 1.0 / 60.0  # [s]
HISTORY = 600  # frames to step back through
MAX_FRAMES = 15  # between two pictures, so that a slow machine falls behind rather than stops
SPEED_STEP = 0.05


class Frame(NamedTuple):
    """What there is to see at one time."""

    shapes: list[Shape]
    lines: Lines


class Playback:
    """A core that plays, with a policy if it has an agent.

    Attributes:
        core: The simulation, or a `ClipPlayer`.
        paused: Whether time stands still.
        speed: Of the playback; 1 is real time, below 0 goes back.
        values: Called with each estimate of the value function, where the policy has `value`.
    """

    def __init__(
        self,
        core: Any,
        policy: Policy | None = None,
        values: Callable[[float], None] = lambda _: None,
    ) -> None:
        """Starts the first episode.

        Args:
            core: The simulation, or a `ClipPlayer`.
            policy: From a state followed by its goal to an action; needed where there is an agent.
            values: Takes the estimates of the value function.
        """
        self.paused, self.speed, self.values = False, 1.0, values
        self._back, self._due, self._return = 0, 0.0, 0.0
        self.core, self._policy = core, policy
        self._has_agent = capabilities.ask(core, Core) is not None
        self._history: collections.deque[Frame] = collections.deque(maxlen=HISTORY)
        self._shown = capabilities.ask(core, capabilities.TellsShapes)
        self._plotter = capabilities.ask(core, capabilities.PlotsValues)
        self._last_end = ""
        self.reset()

    def advance(self, seconds: float) -> None:
        """Plays as much as belongs into some time of the wall clock [s], unless paused."""
        if self.paused:
            return
        self._due += self.speed * seconds / FRAME
        count = int(self._due)
        self._due -= count
        count = max(-MAX_FRAMES, min(count, MAX_FRAMES))
        for _ in range(abs(count)):
            self.step(1 if count > 0 else -1)

    def step(self, direction: int = 1) -> None:
        """Goes one frame on, or back: a clip always can, a simulation through what it showed."""
        if not self._has_agent or self._shown is None:
            self._simulate(direction * FRAME)
        elif direction < 0:
            self._back = min(self._back + 1, len(self._history) - 1)
        elif self._back > 0:
            self._back -= 1
        else:
            self._simulate(FRAME)

    def step_once(self, direction: int) -> None:
        """Goes one frame on or back, and pauses."""
        self.paused = True
        self.step(direction)

    def show_present(self) -> None:
        """Leaves the past that was stepped back into."""
        self._back = 0

    def reset(self) -> None:
        """Starts an episode."""
        self._start()
        self._note()

    def change_speed(self, change: float) -> None:
        """Makes the playback faster, or slower."""
        self.speed = round(self.speed + change, 6)

    def shapes(self) -> list[Shape]:
        """Returns what there is to see in the present frame."""
        return list(self._history[-1 - self._back].shapes)

    def lines(self) -> Lines:
        """Returns names and values of the present frame, and how it plays."""
        state = "paused" if self.paused else f"{self.speed:.2f} x"
        if self._back > 0:
            state += f", {self._back * FRAME:.2f} s ago"
        lines = [*self._history[-1 - self._back].lines, ("speed", state)]
        if self._last_end:
            lines.append(("last end", self._last_end))
        return lines

    def __getattr__(self, name: str) -> Any:
        if name not in ("set_body_forces", "throw_box"):
            raise AttributeError(name)
        return getattr(self.core, name)

    def _simulate(self, seconds: float) -> None:
        if self._has_agent:
            self._simulate_agent(seconds)
        else:
            self.core.update(seconds)
        self._note()

    def _simulate_agent(self, seconds: float) -> None:
        count = self.core.get_num_update_substeps()
        for _ in range(count):
            self.core.update(seconds / count)
            if self.core.end_reason() is not EndReason.NONE:
                self._last_end = f"{end_line(self.core)} at {self.core.get_time():.2f} s"
                self._start()
                return
            if self.core.need_new_action(0):
                self._return += float(self.core.calc_reward(0))
                self._act()

    def _start(self) -> None:
        self.core.reset()
        self._return, self._due, self._back = 0.0, 0.0, 0
        if self._has_agent:
            self._act()

    def _act(self) -> None:
        if self._policy is None:
            return
        core = self.core
        observation = np.concatenate([core.record_state(0), core.record_goal(0)])
        core.set_action(0, np.asarray(self._policy(observation), np.float64))
        if hasattr(self._policy, "value") and getattr(self._policy, "value_layers", True):
            value = float(self._policy.value(observation))
            self.values(value)
            if self._plotter is not None:
                self._plotter.log_val(0, value)

    def _note(self) -> None:
        lines = core_lines(self.core)
        if self._has_agent:
            lines.append(("return", f"{self._return:.2f}"))
        self._history.append(Frame([] if self._shown is None else self._shown.shapes(), lines))
