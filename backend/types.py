"""Values that travel between the stages, with their units and frames.

Frames: **body** = SMPL-X (metres, +X the person's left, +Y up, +Z forward), which is also the frame
of the bind pose; **camera** = OpenCV (metres, +X right, +Y down, +Z forward); **image** = pixels,
row 0 on top, pixel centres at +0.5. V vertices, F faces, J joints, P photos, B body-shape
coefficients, H W image, N pixels of the person (row-major).
"""

from dataclasses import dataclass

from jaxtyping import Bool, Float, Int
from torch import Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class Camera:
    """A pinhole camera without distortion."""

    intrinsics: Float[Tensor, "3 3"]
    """Pixels; a point (x, y, z) of the camera frame is seen at `intrinsics @ (x, y, z) / z`."""
    width: int
    height: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Landmarks:
    """MediaPipe Holistic's points of one person, in its order."""

    points_px: Float[Tensor, "33 2"]
    visibility: Float[Tensor, " 33"]
    world_m: Float[Tensor, "33 3"]
    """Metres, axes of the camera frame, origin between the hips."""
    left_hand_px: Float[Tensor, "21 3"] | None
    """x and y in the image, z (away from the camera, from the wrist) in the same unit. The person's
    left hand; None if it was not found."""
    right_hand_px: Float[Tensor, "21 3"] | None
    face_px: Float[Tensor, "478 2"] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """One photo, ready for the pipeline."""

    name: str
    color: Float[Tensor, "H W 3"]
    """Upright sRGB, 0 to 1."""
    mask: Float[Tensor, "H W"]
    """Share of the person in each pixel, 0 to 1; the outline is at 0.5."""
    camera: Camera
    landmarks: Landmarks


@dataclass(frozen=True, slots=True, kw_only=True)
class BindBody:
    """A body of one shape in its bind pose; body frame, metres."""

    vertices: Float[Tensor, "V 3"]
    joints: Float[Tensor, "J 3"]


@dataclass(frozen=True, slots=True, kw_only=True)
class BodyFit:
    """Where the body stands in each photo."""

    shape: Float[Tensor, " B"]
    """Shared by all photos; its meaning is the body model's."""
    bind: BindBody
    """The body of that shape."""
    rotations: Float[Tensor, "P J 3 3"]
    """Of each joint relative to its parent and to the bind pose, in body axes; the pelvis (row 0)
    is the identity: its rotation is in `camera_from_body`."""
    camera_from_body: Float[Tensor, "P 4 4"]
    """Rigid; moves the bind-pose body with its pelvis into the camera frame of each photo."""
    cameras: tuple[Camera, ...]
    """Of the whole photos, with the fitted focal lengths."""
    landmark_error_percent: Float[Tensor, " P"]
    """Mean distance of the visible ones of the 12 limb joints to their landmarks, in percent of
    the body height in pixels."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Poses:
    """How one skeleton stands in P photos."""

    joints: Float[Tensor, "J 3"]
    """Bind pose, body frame, metres."""
    parents: tuple[int, ...]
    """Of each joint; -1 for the pelvis, which comes first."""
    rotations: Float[Tensor, "P J 3 3"]
    """As in `BodyFit`."""
    camera_from_body: Float[Tensor, "P 4 4"]
    """As in `BodyFit`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SkinnedMesh:
    """A surface whose vertices are bound to joints."""

    vertices: Float[Tensor, "V 3"]
    faces: Int[Tensor, "F 3"]
    """Counter-clockwise seen from outside."""
    weights: Float[Tensor, "V J"]
    """Rows sum to 1."""
    colours: Float[Tensor, "V 3"]
    """sRGB, 0 to 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SurfaceMaps:
    """What one photo says about the front and the back of the person. Side 0 = front, 1 = back."""

    camera: Camera
    """Of the square crop around the person."""
    camera_from_crop_px: Float[Tensor, "3 3"]
    """Homogeneous 2-D transform from pixels of the crop to pixels of the whole photo."""
    level: Float[Tensor, "H W"]
    """The person's mask at the crop's resolution, 0 to 1; the outline is at 0.5."""
    depth: Float[Tensor, "2 H W"]
    """Metres along the camera's +Z where `level` > 0.5 (front < back), 0 elsewhere."""
    weights: Float[Tensor, "2 N J"]
    """Bone weights of the N pixels with `level` > 0.5, in row-major order; rows sum to 1."""
    colour: Float[Tensor, "2 H W 3"]
    """sRGB, 0 to 1; side 1 is grown from what the photo shows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PosedSurface:
    """The closed surface of a person as one photo shows it; camera frame of the photo."""

    mesh: SkinnedMesh
    is_front: Bool[Tensor, " V"]
    """On the sheet that faces the camera; rim vertices, which both sheets share, count as front."""
    is_observed: Bool[Tensor, " V"]
    """False on walls: depth steps between parts of the body, and cuts by the photo's border."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan:
    """A posed surface and where its vertices lie in the bind pose."""

    posed: PosedSurface
    camera_from_bind: Float[Tensor, "J 4 4"]
    """Bone matrices that take the bind pose into the photo's pose."""
    bind_vertices: Float[Tensor, "V 3"]
    """Body frame; meaningless where `confidence` is 0."""
    confidence: Float[Tensor, " V"]
    """0 = not an observation (walls, folded skin, stretched faces), rising to 1 away from them."""
