"""What all photos say, as one canonical surface: fused, laid onto each photo, fused again."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from backend.body.kinematics import bones_of
from backend.geometry.cloth_weights import Dummy
from backend.progress import Stopwatch
from backend.report import Report
from backend.settings import Settings
from backend.stages.canonicalize import canonicalize
from backend.stages.fuse import fuse
from backend.stages.register import register
from backend.stages.weigh import weigh
from backend.types import PosedSurface, Poses, Scan, SkinnedMesh


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
            surfaces, poses = _registered(surfaces, poses, dummy, settings, report=report)
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
    """Return the surfaces with the weights of what they have in common, and corrected poses.

    First the bare body is laid onto each surface: poses that are far off would leave the coarse
    surface torn, and a torn surface has no pose.
    """

    def part(start: float, end: float) -> Report:
        return lambda _stage, fraction: report("register", start + (end - start) * fraction)

    bare = _without_spare_vertices(dummy.body)
    found = register(
        bare, surfaces, poses, settings.register, report=part(0.0, 0.3), body=dummy.body
    )
    scans = _canonical(surfaces, found.poses, settings)
    coarse = fuse(scans, dummy.body, settings.coarse_fuse, report=part(0.3, 0.7))
    if settings.is_weighed:
        coarse = weigh(coarse, dummy, settings.weigh)
    found = register(
        coarse, surfaces, found.poses, settings.register, report=part(0.7, 1.0), body=dummy.body
    )
    weighed = [
        replace(surface, mesh=replace(surface.mesh, weights=weights))
        for surface, weights in zip(surfaces, found.scan_weights, strict=True)
    ]
    return weighed, found.poses


def _without_spare_vertices(body: SkinnedMesh) -> SkinnedMesh:
    """Return the body without the vertices that no face uses."""
    used, faces = body.faces.unique(return_inverse=True)
    return SkinnedMesh(
        vertices=body.vertices[used],
        faces=faces.reshape(-1, 3),
        weights=body.weights[used],
        colours=body.colours[used],
    )


def _canonical(surfaces: Sequence[PosedSurface], poses: Poses, settings: Settings) -> list[Scan]:
    return [
        canonicalize(surface, bones, settings.canonicalize)
        for surface, bones in zip(surfaces, bones_of(poses), strict=True)
    ]
