"""Pictures of people with the truth of each pixel: what is seen, and what lies behind it."""

from dataclasses import dataclass
from functools import lru_cache
from itertools import product

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from backend.body.kinematics import bone_matrices
from backend.geometry.normals import vertex_normals
from backend.geometry.skinning import pose
from backend.render.cutout import Seen, TexturedFaces, see
from backend.render.preview import scaled
from backend.synthesis.cameras import random_camera as random_camera
from backend.synthesis.cameras import random_partial_camera as random_partial_camera
from backend.synthesis.lights import Light, irradiance
from backend.synthesis.lights import random_light as random_light
from backend.synthesis.people import PARTS, Person
from backend.synthesis.textures import is_cut, linear_from_srgb, read_texture, srgb_from_linear
from backend.types import Camera

SUPERSAMPLE = 2
"""Rays along each side of a pixel of the image and the mask."""
RAYS = tuple(product(range(SUPERSAMPLE), repeat=2))
KEPT_PEOPLE = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendering:
    """A picture and the truth about it; index 0 = nearest, 1 = farthest surface on a pixel's ray.

    Image and mask are means over the area of a pixel, all else is what the ray through the pixel's
    centre meets. What a texture leaves transparent is not there in any of them. N pixels are seen:
    those whose centre meets the person, row by row.
    """

    image: Float[Tensor, "H W 3"]
    """sRGB, 0 to 1."""
    mask: Float[Tensor, "H W"]
    """Share of the person in each pixel, 0 to 1."""
    depth: Float[Tensor, "2 H W"]
    """Metres along the camera's +Z; 0 = none."""
    normals: Float[Tensor, "2 H W 3"]
    """Unit, camera frame: nearest on the camera's side, farthest on the other; 0 = none."""
    albedo: Float[Tensor, "2 H W 3"]
    """sRGB without light; 0 = none."""
    weights: Float[Tensor, "2 N J"]
    """Of the seen pixels; rows sum to 1."""
    parts: Int[Tensor, "2 H W"]
    """Index into `people.PARTS`; -1 = none."""

    @property
    def is_seen(self) -> Bool[Tensor, "H W"]:
        """True for the N pixels whose centre meets the person."""
        return self.depth[0] > 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Assembly:
    """All parts of a person as one mesh in the bind pose, with its textures."""

    vertices: Float[Tensor, "V 3"]
    weights: Float[Tensor, "V J"]
    mesh: TexturedFaces
    colour: Float[Tensor, "K 3"]
    """Of each part, sRGB; multiplies the texture."""
    label: Int[Tensor, " K"]
    """Index into `people.PARTS`."""


@lru_cache(maxsize=KEPT_PEOPLE)
def assembled(person: Person) -> Assembly:
    """Return a person's parts as one mesh; the last few people are kept.

    Raises:
        BadFile: a texture cannot be read.
    """
    device = person.bind.vertices.device
    parts = person.parts
    textures = [read_texture(part.texture) for part in parts]
    starts = torch.tensor([0, *[len(part.vertices) for part in parts]]).cumsum(0).tolist()
    faces = [part.faces + start for part, start in zip(parts, starts, strict=False)]
    counts = torch.tensor([len(part.faces) for part in parts])
    texel_starts = torch.tensor([0, *[len(texture.texels) for texture in textures]]).cumsum(0)
    cuts = [is_cut(look, part.corner_uv) for look, part in zip(textures, parts, strict=True)]
    mesh = TexturedFaces(
        faces=torch.cat(faces).int(),
        corner_uv=torch.cat([part.corner_uv for part in parts]),
        part=torch.arange(len(parts)).repeat_interleave(counts).int().to(device),
        texels=torch.cat([texture.texels for texture in textures]).to(device),
        first_texel=texel_starts[:-1].int().to(device),
        texture_size=torch.tensor([[look.width, look.height] for look in textures]).to(device),
        is_cut=torch.tensor(cuts).to(device),
    )
    return Assembly(
        vertices=torch.cat([part.vertices for part in parts]),
        weights=torch.cat([part.weights for part in parts]),
        mesh=mesh,
        colour=torch.tensor([part.colour for part in parts]).to(device),
        label=torch.tensor([PARTS.index(part.part) for part in parts]).to(device),
    )


def posed_vertices(person: Person, rotations: Float[Tensor, "J 3 3"]) -> Float[Tensor, "V 3"]:
    """Return the vertices of all parts, one after the other, in a pose; body frame, metres.

    Args:
        person: Dressed.
        rotations: Of each joint relative to its parent and to the bind pose, in body axes.
    """
    assembly = assembled(person)
    bones = bone_matrices(person.bind.joints, person.parents, rotations)
    return pose(assembly.vertices, assembly.weights, bones)


def render(  # noqa: PLR0917 - the five things that a picture is made of
    person: Person,
    rotations: Float[Tensor, "J 3 3"],
    camera_from_body: Float[Tensor, "4 4"],
    camera: Camera,
    light: Light,
    *,
    background: Float[Tensor, "..."] | None = None,
) -> Rendering:
    """Return what a camera sees of a person, and the truth about it.

    colour = albedo * E(n) / pi in linear light    matt surfaces without shadows

    Args:
        person: Dressed; tensors decide the device.
        rotations: Of each joint relative to its parent and to the bind pose, in body axes.
        camera_from_body: Rigid.
        camera: Gives the size of the pictures.
        light: All around, body frame.
        background: sRGB, of anything that broadcasts to (H, W, 3): a colour, a gradient of shape
            (H, 1, 3), a picture. None = black.

    Raises:
        BadFile: a texture cannot be read.
    """
    assembly = assembled(person)
    rotation = camera_from_body[:3, :3]
    points = posed_vertices(person, rotations) @ rotation.T + camera_from_body[:3, 3]
    normals = vertex_normals(points, assembly.mesh.faces)
    seen = see(assembly.mesh, points, normals, camera)
    part = _part(assembly, seen)
    colours, mask = _shaded(
        assembly,
        see(assembly.mesh, points, normals, scaled(camera, SUPERSAMPLE), layers=1),
        rotation,
        light,
    )
    behind = linear_from_srgb(points.new_zeros(3) if background is None else background.to(points))
    image = srgb_from_linear(colours + (1 - mask[..., None]) * behind)
    return Rendering(
        image=image.clamp(0, 1),
        mask=mask,
        depth=seen.depth,
        normals=seen.normal,
        albedo=_albedo(assembly, seen, part),
        weights=_weights(assembly, seen),
        parts=torch.where(part >= 0, assembly.label[part], -1),
    )


def _part(assembly: Assembly, seen: Seen) -> Int[Tensor, "L H W"]:
    """Return the number of the part that each pixel sees; -1 = none."""
    return torch.where(seen.face >= 0, assembly.mesh.part[seen.face].long(), -1)


def _albedo(assembly: Assembly, seen: Seen, part: Int[Tensor, "L H W"]) -> Float[Tensor, "L H W 3"]:
    return seen.texel * assembly.colour[part]  # a texel of no part is 0


def _weights(assembly: Assembly, seen: Seen) -> Float[Tensor, "2 N J"]:
    is_seen = seen.face[0] >= 0
    corners = assembly.mesh.faces[seen.face[:, is_seen]].long()  # (2, N, 3)
    mixed = torch.nn.functional.embedding_bag(
        corners.flatten(0, 1),
        assembly.weights,
        per_sample_weights=seen.barycentric[:, is_seen].flatten(0, 1),
        mode="sum",
    )
    return mixed.unflatten(0, (2, -1))


def _shaded(
    assembly: Assembly, seen: Seen, rotation: Float[Tensor, "3 3"], light: Light
) -> tuple[Float[Tensor, "H W 3"], Float[Tensor, "H W"]]:
    """Return light and cover of each pixel: means over its rays; colours linear, black outside."""
    covered = seen.face[0] >= 0
    part = assembly.mesh.part[seen.face[0][covered]].long()
    albedo = linear_from_srgb(seen.texel[0][covered] * assembly.colour[part])
    lit = albedo * irradiance(light, seen.normal[0][covered] @ rotation)
    layers = lit.new_zeros((*covered.shape, 4))
    layers[covered] = torch.cat([lit.clamp(0, 1), torch.ones_like(lit[:, :1])], 1)
    size = [side // SUPERSAMPLE for side in covered.shape]
    blocks = layers.view(size[0], SUPERSAMPLE, size[1], SUPERSAMPLE, 4)
    rays = [blocks[:, row, :, column] for row, column in RAYS]
    mean = torch.stack(rays).mean(0)
    return mean[..., :3], mean[..., 3]
