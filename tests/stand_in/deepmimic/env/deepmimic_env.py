"""Stands in for DeepMimicCore of the fork amp_extensions: it knows little of physics, but ends the
process where the original does, by an assertion or a null pointer of its C++.
"""

import functools
import json
import os
import pathlib
import sys

import numpy as np

sys.path.append(str(pathlib.Path(__file__).parents[3]))  # for processes other than pytest's

import fake_core

NAMES = {
    "imitate": "Imitate",
    "imitate_amp": "Imitate AMP",
    "target_amp": "Target AMP",
    "heading_amp": "Heading AMP",
    "heading_amp_getup": "Heading AMP Getup",
    "dribble_amp": "Dribble AMP",
    "strike_amp": "Strike AMP",
}
AMP_SIZE = 6


def for_agents(method):
    """Ends the process if an agent is asked for that is not there: its index is not checked."""

    @functools.wraps(method)
    def asked(self, agent_id=0, *arguments):
        if agent_id != 0:
            os.abort()
        return method(self, agent_id, *arguments)

    return asked


class DeepMimicEnv(fake_core.ForkEnv):
    """The environment."""

    def __init__(self, args, enable_draw):
        super().__init__(args, enable_draw)
        starts = [place for place, word in enumerate(args) if word.startswith("--")]
        ends = [*starts[1:], len(args)]
        self.words = {
            args[start][2:]: args[start + 1 : end] for start, end in zip(starts, ends, strict=True)
        }
        scene = self.word("scene")
        if scene not in NAMES:
            os.abort()
        self.name, self.has_amp = NAMES[scene], scene != "imitate"
        self.is_imitate_amp = scene == "imitate_amp"
        if scene == "heading_amp_getup" and self.word("kin_ctrl") != "clips":
            os.abort()
        if scene == "strike_amp" and not self.words.get("strike_bodies"):
            os.abort()
        self.build_ground()
        self.before = None
        self.warps = self.is_imitate_amp and self.word("enable_test_time_warp") != "false"
        self.begin_history()
        longest = float(self.word("time_end_lim_max") or np.inf)
        if self.warps and 300.0 < longest < np.inf:
            os.abort()  # no memory

    def word(self, key):
        return self.words.get(key, [""])[0]

    def build_ground(self):
        """`cGroundBuilder::ParseParamsJson`, `cGround::ParseType`."""
        if not self.word("terrain_file"):
            return
        try:
            ground = json.loads(pathlib.Path(self.word("terrain_file")).read_text())
        except ValueError:
            os.abort()
        if ground.get("Type", "plane") != "plane":
            os.abort()
        if not isinstance(ground.get("Params") or [], list):
            os.abort()
        for key in ("GroundWidth", "VertSpacingX", "VertSpacingZ"):
            if not isinstance(ground.get(key, 1.0), int | float):
                os.abort()  # JsonCpp throws through SWIG

    def begin_history(self):
        """`cSceneImitateAMP::InitHist`, which the scenes derived from it leave out."""
        if self.is_imitate_amp:
            self.before = self.state

    def reset(self):
        super().reset()
        self.begin_history()

    def reset_time(self, time, **noise):
        super().reset_time(time, **noise)
        self.before = self.state

    def reset_index(self, index, **noise):
        super().reset_index(index, **noise)
        self.before = self.state

    def update(self, timestep):
        if self.warps and self.count >= self.end_after:
            os.abort()  # one sample too many
        if self.count % fake_core.UPDATES == 0:
            self.before = self.state  # `UpdateHist`
        super().update(timestep)

    def get_amp_obs_size(self):
        return AMP_SIZE if self.has_amp else 0

    @for_agents
    def record_amp_obs_agent(self, agent_id):
        if not self.has_amp:
            return np.zeros(0)
        if self.before is None:
            os.abort()  # an empty pose
        return np.concatenate([self.state, self.before, [0.0, 1.0]])

    @for_agents
    def record_amp_obs_expert(self, agent_id):
        return np.random.random(AMP_SIZE if self.has_amp else 0)

    @for_agents
    def get_dtw_backtrack_path(self, agent_id):
        if not self.has_amp:
            return np.zeros(0)
        if not self.warps:
            os.abort()  # a null pointer
        return np.zeros(3)

    @for_agents
    def record_state(self, agent_id):
        return self.state

    @for_agents
    def get_state_size(self, agent_id):
        return 2

    @for_agents
    def build_action_bound_min(self, agent_id):
        return [-1.0, -2.0]

    @for_agents
    def get_pose_offset(self, agent_id):
        return 0

    def get_win_width(self):
        if not self.enable_draw:
            os.abort()  # a null pointer
        return 800
