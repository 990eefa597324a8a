"""Views and the fitted body -> the person's surface: rough rounds for the poses, then a fine one.

Photos show one person, so what they show must agree once the poses are right. Where fitted poses
are a little wrong, it does not, and what is fused has steps. A rough round makes a coarse surface
and refines it, for the sake of the poses alone; then the maps are predicted anew.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from jaxtyping import Float
from torch import Tensor

from backend.body.kinematics import bones_of
from backend.consolidation import consolidate
from backend.geometry.cloth_weights import Dummy
from backend.geometry.skinning import pose
from backend.progress import Stopwatch, overall
from backend.settings import Settings
from backend.stages.predict_maps import predict_maps
from backend.stages.reconstruct import reconstruct
from backend.stages.refine import Evidence, refine
from backend.types import Poses, SkinnedMesh, View


@dataclass(frozen=True, slots=True, kw_only=True)
class Surfaced:
    """The surface of the person in some views, and how it stands in each."""

    mesh: SkinnedMesh
    """Bind pose, body frame, metres."""
    poses: Poses
    views: list[View]
    """With corrected cameras."""


def surfaced(
    views: Sequence[View], poses: Poses, dummy: Dummy, settings: Settings, *, watch: Stopwatch
) -> Surfaced:
    """Return one canonical surface for all views, with the poses and cameras that suit it.

    Args:
        views: The photos.
        poses: Fitted.
        dummy: The fitted body in the bind pose.
        settings: Of all stages.
        watch: Times the stages, and tells and stops them.
    """
    count = settings.rough_rounds if settings.is_refined and len(views) > 1 else 0
    rough = replace(settings, fuse=settings.coarse_fuse, refine=settings.rough_refine)
    for number in range(count):
        with watch.stage("align") as report:

            def tell(stage: str, fraction: float, number: int = number) -> None:
                report("align", (number + overall(stage, fraction)) / count)

            found = _round(views, poses, dummy, rough, watch=Stopwatch(tell))
        views, poses = found.views, found.poses
    return _round(views, poses, dummy, settings, watch=watch)


def _round(
    views: Sequence[View], poses: Poses, dummy: Dummy, settings: Settings, *, watch: Stopwatch
) -> Surfaced:
    evidence = _evidence(views, dummy.body, bones_of(poses), settings, watch=watch)
    found = consolidate([one.surface for one in evidence], poses, dummy, settings, watch=watch)
    if not settings.is_refined:
        return Surfaced(mesh=found.mesh, poses=found.poses, views=list(views))
    with watch.stage("refine") as report:
        refined = refine(found.mesh, evidence, found.poses, settings.refine, report=report)
    seen = [replace(v, camera=camera) for v, camera in zip(views, refined.cameras, strict=True)]
    return Surfaced(mesh=refined.mesh, poses=refined.poses, views=seen)


def _evidence(
    views: Sequence[View],
    template: SkinnedMesh,
    bones: Float[Tensor, "P J 4 4"],
    settings: Settings,
    *,
    watch: Stopwatch,
) -> list[Evidence]:
    """What each photo says about the person's front and back, and the surface between them."""
    maps = [
        predict_maps(view, _posed(template, bones[index]), settings.predict_maps)
        for index, view in enumerate(watch.each("predict_maps", views))
    ]
    found = []
    for index, one in enumerate(watch.each("reconstruct", maps)):
        camera = views[index].camera
        size = (camera.width, camera.height)
        surface = reconstruct(one, settings.reconstruct, photo_size=size)
        # The surface has its weights now; at 1024 x 1024 those of the maps take 0.1 GB.
        slim = replace(one, weights=one.weights.new_zeros(*one.weights.shape[:2], 0))
        found.append(Evidence(maps=slim, surface=surface, camera=camera))
    return found


def _posed(template: SkinnedMesh, bones: Float[Tensor, "J 4 4"]) -> SkinnedMesh:
    return replace(template, vertices=pose(template.vertices, template.weights, bones))
