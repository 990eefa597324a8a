"""What all photos say, as one canonical surface: fused, laid onto each photo, fused again."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from backend.body.kinematics import bones_of
from backend.geometry.cloth_weights import Dummy
from backend.progress import Stopwatch
from backend.report import Report, part_of
from backend.settings import Settings
from backend.stages.canonicalize import canonicalize
from backend.stages.fuse import fuse
from backend.stages.register import register
from backend.stages.weigh import weigh
from backend.types import PosedSurface, Poses, Scan, SkinnedMesh

COARSE_SHARE = 0.5
"""Of the time of registering, for the coarse surface."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Consolidated:
    """One surface for all photos."""

    mesh: SkinnedMesh
    """Bind pose, body frame, metres."""
    poses: Poses
    """Of the photos; the given ones if nothing was registered."""


def consolidate(
    surfaces: Sequence[PosedSurface],
    poses: Poses,
    dummy: Dummy,
    settings: Settings,
    *,
    watch: Stopwatch,
) -> Consolidated:
    """Return one canonical surface of all photos, and poses that agree with it.

    Poses that are a little wrong blur what is fused. So a coarse surface is made first and laid
    onto each photo's own surface, which corrects the poses and the surfaces' weights.

    Args:
        surfaces: One per photo, in the camera frame of the photo.
        poses: Of the photos.
        dummy: The fitted body in the bind pose.
        settings: Of all stages.
        watch: Times the stages, and tells and stops them.
    """
    if settings.is_registered and len(surfaces) > 1:
        with watch.stage("register") as report:
            for k in range(settings.register_rounds):
                inner = part_of(
                    report, k / settings.register_rounds, (k + 1) / settings.register_rounds
                )
                surfaces, poses = _registered(surfaces, poses, dummy, settings, report=inner)
    with watch.stage("canonicalize"):
        scans = _canonical(surfaces, poses, settings)
    with watch.stage("fuse") as report:
        mesh = fuse(scans, dummy.body, settings.fuse, report=report)
    if settings.is_weighed:
        with watch.stage("weigh"):
            mesh = weigh(mesh, dummy, settings.weigh)
    return Consolidated(mesh=mesh, poses=poses)


def _registered(
    surfaces: Sequence[PosedSurface],
    poses: Poses,
    dummy: Dummy,
    settings: Settings,
    *,
    report: Report,
) -> tuple[list[PosedSurface], Poses]:
    """Return the surfaces with the weights of what they have in common, and corrected poses."""

    def fusing(_stage: str, fraction: float) -> None:
        report("register", COARSE_SHARE * fraction)

    def laying(_stage: str, fraction: float) -> None:
        report("register", COARSE_SHARE + (1 - COARSE_SHARE) * fraction)

    scans = _canonical(surfaces, poses, settings)
    coarse = fuse(scans, dummy.body, settings.coarse_fuse, report=fusing)
    if settings.is_weighed:
        coarse = weigh(coarse, dummy, settings.weigh)
    found = register(coarse, surfaces, poses, settings.register, report=laying, body=dummy.body)
    weighed = [
        replace(surface, mesh=replace(surface.mesh, weights=weights))
        for surface, weights in zip(surfaces, found.scan_weights, strict=True)
    ]
    return weighed, found.poses


def _canonical(surfaces: Sequence[PosedSurface], poses: Poses, settings: Settings) -> list[Scan]:
    return [
        canonicalize(surface, bones, settings.canonicalize)
        for surface, bones in zip(surfaces, bones_of(poses), strict=True)
    ]
