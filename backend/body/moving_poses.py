"""Poses that follow gradients, and what keeps them likely."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from backend.body.corrections import (
    Corrections,
    Sizes,
    bounded,
    common_cost,
    correction_cost,
    no_corrections,
)
from backend.types import Poses


@dataclass(frozen=True, slots=True, kw_only=True)
class PoseRules:
    """How far corrections of poses and cameras go, and what they cost."""

    rate: float = 0.1
    """Step, in units of the likely sizes."""
    free_joints: tuple[int, ...] = tuple(range(22))
    """The body's; hands, jaw and eyes stay."""
    likely_rad: float = 0.15
    stiff_joints: tuple[int, ...] = (3, 6, 9, 10, 11, 12, 13, 14, 15, 20, 21)
    """Spine, feet, neck, collars, head and wrists: little of the surface tells their turns."""
    stiff_share: float = 0.4
    """Of `likely_rad` for these."""
    likely_m: float = 0.03
    likely_focal: float = 0.01
    """Logarithm."""
    most: float = 2.5
    """Largest turn and focal change, in units of the likely ones."""
    most_m: float = 0.05
    """Largest shift."""
    cost_weight: float = 0.0007
    """Of the squared corrections over their likely sizes."""
    common_share: float = 0.05
    """Of the likely sizes: that of the mean over all photos, which is the canonical shape's."""
    common_weight: float = 0.01


class MovingPoses:
    """Owns the corrections of poses and cameras, and Adam's memory of their steps.

    They are kept in units of their likely sizes, so that one rate serves all.
    """

    def __init__(self, poses: Poses, rules: PoseRules) -> None:
        start = no_corrections(poses)
        self._unknowns = [start.turns, start.shifts, start.log_focal]
        for unknown in self._unknowns:
            unknown.requires_grad_()
        count, device = len(poses.joints), poses.joints.device
        self._rules, self._likely = rules, likely_sizes(rules, count, device)
        self._largest = largest_sizes(rules, count, device)
        self._adam = torch.optim.Adam(self._unknowns)

    def corrections(self) -> Corrections:
        """Return the corrections; their gradients come back here."""
        turns, shifts, focal = self._unknowns
        return Corrections(
            turns=turns * self._likely.turn_rad[:, None],
            shifts=shifts * self._likely.shift_m,
            log_focal=focal * self._likely.log_focal,
        )

    def cost(self) -> Float[Tensor, ""]:
        """Return what makes corrections likely, and their mean over all photos nothing."""
        rules, now = self._rules, self.corrections()
        scales = Sizes(
            turn_rad=rules.common_share * self._likely.turn_rad,
            shift_m=rules.common_share * rules.likely_m,
            log_focal=1.0,
        )
        likely = rules.cost_weight * correction_cost(now, self._likely)
        return likely + rules.common_weight * common_cost(now, scales)

    @torch.no_grad()
    def move(self, rate: float) -> None:
        """Follow the gradients, by `rate` times the full step, and forget them."""
        for group in self._adam.param_groups:
            group["lr"] = self._rules.rate * rate
        self._adam.step()
        self._adam.zero_grad()
        allowed, likely = bounded(self.corrections(), self._largest), self._likely
        turns, shifts, focal = self._unknowns
        turns.copy_(allowed.turns / likely.turn_rad[:, None])
        shifts.copy_(allowed.shifts / likely.shift_m)
        focal.copy_(allowed.log_focal / likely.log_focal)


def likely_sizes(rules: PoseRules, joint_count: int, device: torch.device) -> Sizes:
    """Return how large corrections usually are."""
    turn = torch.full((joint_count,), rules.likely_rad, device=device)
    stiff = [joint for joint in rules.stiff_joints if joint < joint_count]
    turn[stiff] *= rules.stiff_share
    return Sizes(turn_rad=turn, shift_m=rules.likely_m, log_focal=rules.likely_focal)


def largest_sizes(rules: PoseRules, joint_count: int, device: torch.device) -> Sizes:
    """Return how large corrections may become; 0 where a joint is not free."""
    turn = torch.zeros(joint_count, device=device)
    free = [joint for joint in rules.free_joints if joint < joint_count]
    turn[free] = rules.most * likely_sizes(rules, joint_count, device).turn_rad[free]
    return Sizes(turn_rad=turn, shift_m=rules.most_m, log_focal=rules.most * rules.likely_focal)
