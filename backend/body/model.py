"""What a body model is: a shape space, a skin with bone weights, and 55 joints in a bind pose."""

from typing import Protocol, runtime_checkable

from jaxtyping import Float, Int
from torch import Tensor

from backend.types import BindBody


@runtime_checkable  # beartype asks isinstance of it
class BodyModel(Protocol):
    """A body of 55 joints (SMPL-X's names and order) whose bind pose depends on the shape alone.

    V counts all vertices, those that no face uses (helpers that garments are bound to) included.
    """

    @property
    def joint_names(self) -> tuple[str, ...]:
        """SMPL-X's."""
        ...

    @property
    def parents(self) -> tuple[int, ...]:
        """Of each joint; -1 for the pelvis. A parent comes before its children."""
        ...

    @property
    def faces(self) -> Int[Tensor, "F 3"]:
        """Triangles of the skin, counter-clockwise seen from outside."""
        ...

    @property
    def skirt_faces(self) -> Int[Tensor, "G 3"]:
        """Triangles of a rigged skirt around the legs, which is no part of the skin.

        Its weights say what a skirt does between two legs; none where the model has no skirt.
        """
        ...

    @property
    def weights(self) -> Float[Tensor, "V J"]:
        """Rows sum to 1."""
        ...

    @property
    def shape_names(self) -> tuple[str, ...]:
        """Of the B coefficients."""
        ...

    @property
    def mean_shape(self) -> Float[Tensor, " B"]:
        """An average adult."""
        ...

    @property
    def keypoint_names(self) -> tuple[str, ...]:
        """Points that landmark detectors mark: nose … right_heel (COCO-17 and 6 of the feet)."""
        ...

    @property
    def keypoint_vertices(self) -> Int[Tensor, "K N"]:
        """A keypoint is the weighted mean of these, in every pose."""
        ...

    @property
    def keypoint_weights(self) -> Float[Tensor, "K N"]:
        """Of `keypoint_vertices`; unused places weigh 0."""
        ...

    def bind(self, shape: Float[Tensor, " B"]) -> BindBody:
        """Return the body of a shape in its bind pose; differentiable."""
        ...

    def zero_from_bind(self, joints: Float[Tensor, "J 3"]) -> Float[Tensor, "J 3 3"]:
        """Return each bone's rotation (in body axes) from the bind pose into SMPL-X's zero pose."""
        ...
