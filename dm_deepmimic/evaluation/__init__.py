"""Evaluation of policies: how well they do, in the field's measures.

with dm_deepmimic.load_batch("humanoid3d_walk", 64, mode="test") as batch:
    print(evaluation.evaluate(batch, policy, episodes=100).table())
"""

from dm_deepmimic.evaluation.evaluating import evaluate
from dm_deepmimic.evaluation.summary import Evaluation, Interval

__all__ = ["Evaluation", "Interval", "evaluate"]
