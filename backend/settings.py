"""All numbers of a job: one frozen dataclass per stage, gathered."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, Literal

from backend.stages.canonicalize import CanonicalizeSettings
from backend.stages.fit_body import FitBodySettings
from backend.stages.fuse import FuseSettings
from backend.stages.landmarks import LandmarkSettings
from backend.stages.predict_maps import PredictMapsSettings
from backend.stages.reconstruct import ReconstructSettings
from backend.stages.refine import RefineSettings
from backend.stages.register import RegisterSettings
from backend.stages.rig import RigSettings
from backend.stages.segment import SegmentSettings
from backend.stages.texture import TextureSettings
from backend.stages.weigh import WeighSettings
from shared.errors import BadInput

Quality = Literal["draft", "standard", "high"]
HEIGHT_RANGE_M = (0.5, 2.5)
"""From a newborn to the tallest people."""
QUALITIES: dict[Quality, dict[str, Any]] = {
    "draft": {
        "is_refined": False,
        "fit_body.age_steps": 25,
        "fit_body.outline_steps": 30,
        "predict_maps.resolution": 320,
        "fuse.voxel_m": 0.008,
        "fuse.face_budget": 20_000,
    },
    "standard": {},
    "high": {
        "rough_rounds": 2,
        "fit_body.outline_steps": 100,
        "predict_maps.resolution": 640,
        "fuse.voxel_m": 0.004,
        "fuse.face_budget": 100_000,
    },
}
"""What differs from the stages' own defaults, which are `standard`."""
COARSE = FuseSettings(voxel_m=0.01, face_budget=20_000)
ROUGH = RefineSettings(fine_steps=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The settings of each stage that has any."""

    landmarks: LandmarkSettings = field(default_factory=LandmarkSettings)
    segment: SegmentSettings = field(default_factory=SegmentSettings)
    fit_body: FitBodySettings = field(default_factory=FitBodySettings)
    predict_maps: PredictMapsSettings = field(default_factory=PredictMapsSettings)
    reconstruct: ReconstructSettings = field(default_factory=ReconstructSettings)
    canonicalize: CanonicalizeSettings = field(default_factory=CanonicalizeSettings)
    coarse_fuse: FuseSettings = COARSE
    """Of surfaces that correct the poses, and are then made anew."""
    fuse: FuseSettings = field(default_factory=FuseSettings)
    is_weighed: bool = True
    """The surface takes its weights anew in the bind pose."""
    weigh: WeighSettings = field(default_factory=WeighSettings)
    is_registered: bool = False
    """The poses are corrected against each other by surfaces alone, before refinement. Off for
    photos: what is guessed from the fitted body repeats the fit's mistakes in every photo, and the
    registered avatar leans (sample photos: IoU 0.79 to 0.92 instead of 0.95 to 0.97)."""
    register: RegisterSettings = field(default_factory=RegisterSettings)
    is_refined: bool = True
    """Surface and poses are fitted to the photos by differentiable rendering."""
    rough_rounds: int = 1
    """Rounds on a coarse surface before, for the poses of several photos: without them the head of
    the sample photos has a step of 2 cm (mean IoU 0.950; 0.956 with one round, 0.959 with two)."""
    rough_refine: RefineSettings = ROUGH
    refine: RefineSettings = field(default_factory=RefineSettings)
    texture: TextureSettings = field(default_factory=TextureSettings)
    rig: RigSettings = field(default_factory=RigSettings)


def for_quality(quality: Quality, height_m: float | None = None) -> Settings:
    """Return the settings for what a user chooses.

    Args:
        quality: draft, standard or high.
        height_m: Of the person, metres; None keeps the fitted body's.

    Raises:
        BadInput: if nobody is that tall or that small.
    """
    least, most = HEIGHT_RANGE_M
    if height_m is not None and not least <= height_m <= most:
        raise BadInput(
            f"A height of {height_m * 100:g} cm is out of range.",
            f"Give the person's height between {least * 100:g} and {most * 100:g} cm.",
        )
    return override(Settings(), {**QUALITIES[quality], "rig.height_m": height_m})


def override(settings: Any, changes: Mapping[str, Any]) -> Any:
    """Return `settings` with dotted names replaced, as in `{"fuse.voxel_m": 0.004}`.

    Raises:
        BadInput: if a name is unknown.
    """
    known = sorted(field.name for field in fields(settings))
    for name, value in changes.items():
        head, _, rest = name.partition(".")
        if head not in known:
            raise BadInput(f"There is no setting {name!r}.", f"Known here: {', '.join(known)}.")
        inner = override(getattr(settings, head), {rest: value}) if rest else value
        settings = replace(settings, **{head: inner})
    return settings
