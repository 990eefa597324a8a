"""What a perfect scanner would see of a clothed person: its closed outer surface with all truth."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from manifold3d import Error, Manifold, Mesh64
from torch import Tensor

from backend.body.kinematics import bone_matrices
from backend.geometry.nearest import interpolate_at
from backend.geometry.remesh import NotManifold
from backend.geometry.signed_distance import ClosestPoints, SurfaceQuery
from backend.geometry.skinning import unpose
from backend.geometry.slab_isosurface import outer_component
from backend.synthesis.people import Person
from backend.synthesis.scan_solid import Sampling, Solid, outer_surface
from backend.synthesis.scan_sources import (
    Sources,
    has_two_sides,
    picture_of,
    posed_sources,
    sample,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanSettings:
    """How a person is scanned."""

    voxel_m: float = 0.002
    thickness_m: float = 0.003
    """Of cloth and hair; at least 1.5 voxels, or holes appear."""
    gap_m: float = 0.06
    """Space under cloth into which no ball of this diameter can roll belongs to the solid."""
    opening_m: float = 0.02
    """But not where it opens: so deep one sees into it."""
    strand_gap_m: float = 0.012
    """So do narrower gaps than this between strands of hair."""
    inset_m: float = 0.008
    """How far skin that garments hide is drawn in: it must not poke through them."""
    max_samples: int = 40_000_000
    """Of the grid of 2 voxels; 80 bytes each at most. A larger person is sampled more coarsely."""
    tolerance_m: float = 0.0005
    """By which fewer faces may move the surface."""
    max_edge_m: float = 0.012
    """Longest edge, so that weights and colours are kept where the surface is flat."""
    face_budget: int = 150_000


@dataclass(frozen=True, slots=True, kw_only=True)
class TrueScan:
    """A closed surface in one piece and the truth at its vertices; body frame, posed."""

    vertices: Float[Tensor, "V 3"]
    faces: Int[Tensor, "F 3"]
    """Counter-clockwise seen from outside."""
    weights: Float[Tensor, "V J"]
    """Rows sum to 1."""
    parts: Int[Tensor, " V"]
    """Index into `people.PARTS`."""
    colours: Float[Tensor, "V 3"]
    """sRGB, 0 to 1."""
    bind_vertices: Float[Tensor, "V 3"]
    """Where the vertices lie in the bind pose: taken back with their own weights."""


def scan(
    person: Person, rotations: Float[Tensor, "J 3 3"], settings: ScanSettings | None = None
) -> TrueScan:
    """Return the outer surface of a dressed person in a pose.

    Args:
        person: In the bind pose.
        rotations: Of each joint relative to its parent and to the bind pose, in body axes.
        settings: Resolution and thickness.

    Raises:
        NotManifold: If no closed surface comes out.
        BadFile: If a texture is no picture.
    """
    settings = settings or ScanSettings()
    sources = posed_sources(
        person,
        rotations,
        thickness_m=settings.thickness_m,
        inset_m=settings.inset_m,
        detail_m=1.5 * settings.voxel_m,
    )
    sampling = Sampling(
        voxel_m=settings.voxel_m,
        gap_m=settings.gap_m,
        opening_m=settings.opening_m,
        strand_gap_m=settings.strand_gap_m,
        max_samples=settings.max_samples,
    )
    vertices, faces = outer_surface(_solid(sources, settings.thickness_m), sampling)
    vertices, faces = _simplified(vertices, faces, settings)
    query = SurfaceQuery(sources.vertices, sources.faces)
    closest = query.closest_points(vertices, 2 * settings.gap_m)
    weights = interpolate_at(closest, sources.faces, sources.weights)
    weights = weights / weights.sum(dim=1, keepdim=True)
    bones = bone_matrices(person.bind.joints, person.parents, rotations)
    bind = unpose(vertices.double(), weights.double(), bones.double())
    return TrueScan(
        vertices=vertices,
        faces=faces,
        weights=weights,
        parts=sources.labels[closest.face],
        colours=_colours(sources, closest),
        bind_vertices=bind.to(vertices),
    )


def _solid(sources: Sources, thickness_m: float) -> Solid:
    body, sheets = sources.faces.split(
        [sources.body_faces, len(sources.faces) - sources.body_faces]
    )
    sides = [has_two_sides(look) for look in sources.looks]
    body_vertices = int(body.max()) + 1
    return Solid(
        body=sources.vertices[:body_vertices],
        body_faces=body,
        middle=sources.middle[body_vertices:],
        sheet_faces=sheets - body_vertices,
        sheet_thickness_m=thickness_m,
        two_sided=torch.tensor(sides, device=body.device)[sources.part[sources.body_faces :]],
    )


def _simplified(
    vertices: Float[Tensor, "V 3"], faces: Int[Tensor, "F 3"], settings: ScanSettings
) -> tuple[Float[Tensor, "W 3"], Int[Tensor, "G 3"]]:
    """Return the surface with fewer faces; the tolerance grows until the budget is met.

    Raises:
        NotManifold: If the surface is not closed.
    """
    points = vertices.cpu().numpy().astype(np.float64)
    solid = Manifold(Mesh64(points, faces.cpu().numpy().astype(np.uint64)))
    if solid.status() != Error.NoError or solid.is_empty():
        message = "the scanned surface is not closed"
        raise NotManifold(message)
    tolerance_m, edge_m = settings.tolerance_m, settings.max_edge_m
    while True:
        solid = solid.simplify(tolerance_m)
        simple = solid.refine_to_length(edge_m)
        if simple.num_tri() <= settings.face_budget:
            break
        tolerance_m, edge_m = 1.3 * tolerance_m, 1.1 * edge_m
    mesh = simple.to_mesh64()
    corners = torch.from_numpy(np.array(mesh.tri_verts).astype(np.int64)).to(faces.device)
    points = torch.from_numpy(np.array(mesh.vert_properties[:, :3])).to(vertices)
    return outer_component(points, corners)  # pieces that only touched are apart now


def _colours(sources: Sources, closest: ClosestPoints) -> Float[Tensor, "N 3"]:
    """Return the colours of textures and materials at points of the sources."""
    uv = (closest.barycentric[..., None] * sources.corner_uv[closest.face]).sum(dim=1)
    part = sources.part[closest.face]
    tint = uv.new_tensor([look.colour for look in sources.looks])
    colours = tint[part]
    for number, look in enumerate(sources.looks):
        if look.texture is not None:
            chosen = part == number
            colours[chosen] *= sample(picture_of(look)[:3].to(uv), uv[chosen])
    return colours
