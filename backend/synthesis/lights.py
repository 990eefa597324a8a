"""Light from all around as spherical harmonics of order 2.

Ramamoorthi and Hanrahan 2001, "An Efficient Representation for Irradiance Environment Maps": nine
coefficients give the light on a matt surface to 1 %. Body frame: +Y is up.
"""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import normalize

COSINE_LOBE = (1.0, *[2 / 3] * 3, *[1 / 4] * 5)
"""A_l / pi of each coefficient: a matt surface averages over the hemisphere (their eq. 8)."""
UP = (0.0, 1.0, 0.0)
STREAM = 3
"""Keeps the random numbers of one seed apart from those that it gives elsewhere."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Light:
    """What comes from each direction."""

    radiance: Float[Tensor, "9 3"]
    """Coefficients of the real spherical harmonics, order (l, m) = (0,0), (1,-1), (1,0), (1,1),
    (2,-2), ... (2,2), of linear red, green and blue. Constant light of 1 shows a white surface
    white."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LightSettings:
    """Ranges of random lights; amounts of light on a white surface, white = 1."""

    brightness: tuple[float, float] = (0.7, 1.0)
    """Mean over all directions of the surface: the camera's automatic exposure."""
    key_share: tuple[float, float] = (0.15, 0.5)
    """Of a window, lamp or the sun in the whole."""
    key_height_deg: tuple[float, float] = (5.0, 70.0)
    bounce_share: tuple[float, float] = (0.05, 0.25)
    """Of the ground in the whole; the rest is sky or ceiling."""
    sky_spread: float = 0.5
    """Share of the sky's light that comes from all sides alike."""
    tint: float = 0.12
    """Greatest excess of red or blue of the key; the sky has half the opposite."""
    ground_tint: float = 0.25


DEFAULT = LightSettings()


def harmonics(directions: Float[Tensor, "*N 3"]) -> Float[Tensor, "*N 9"]:
    """Return the real spherical harmonics up to l = 2 in unit directions (their eq. 3)."""
    x, y, z = directions.unbind(-1)
    first, second = math.sqrt(3 / (4 * math.pi)), math.sqrt(15 / (4 * math.pi))
    terms = [torch.full_like(x, math.sqrt(1 / (4 * math.pi)))]
    terms += [first * y, first * z, first * x]
    terms += [second * x * y, second * y * z]
    terms += [math.sqrt(5 / (16 * math.pi)) * (3 * z * z - 1)]
    terms += [second * x * z, second / 2 * (x * x - y * y)]
    return torch.stack(terms, -1)


def irradiance(light: Light, normals: Float[Tensor, "*N 3"]) -> Float[Tensor, "*N 3"]:
    """Return how brightly a white matt surface shines, linear; white = 1.

    E(n) / pi = sum_lm (A_l / pi) L_lm Y_lm(n)    their eq. 7

    Args:
        light: All around.
        normals: Unit, body frame.
    """
    lobe = torch.tensor(COSINE_LOBE).to(normals)[:, None]
    return (harmonics(normals) @ (lobe * light.radiance.to(normals))).clamp_min(0.0)


def constant_light(colour: tuple[float, float, float] = (1.0, 1.0, 1.0)) -> Light:
    """Return the same linear light from all sides: surfaces show their albedo times it."""
    radiance = torch.zeros(9, 3)
    radiance[0] = torch.tensor(colour) * math.sqrt(4 * math.pi)
    return Light(radiance=radiance)


def random_light(seed: int, *, settings: LightSettings = DEFAULT) -> Light:
    """Return sky or ceiling, a key light from any side and light from the ground.

    Args:
        seed: Same seed, same light.
        settings: Ranges.
    """
    generator = torch.Generator().manual_seed((seed << 8) + STREAM)
    draws = torch.rand(8, generator=generator, dtype=torch.float64).tolist()
    key_share = _between(settings.key_share, draws[0])
    bounce_share = _between(settings.bounce_share, draws[1])
    height = math.radians(_between(settings.key_height_deg, draws[2]))
    side = 2 * math.pi * draws[3]
    flat = math.cos(height)
    towards_key = (flat * math.sin(side), math.sin(height), flat * math.cos(side))
    warmth = settings.tint * (2 * draws[4] - 1)
    ground = [1 + settings.ground_tint * (2 * draw - 1) for draw in draws[5:7]]
    key = key_share * _tinted(warmth) * _from(towards_key)
    even, above = _constant(), _from(UP)
    spread = settings.sky_spread * even + (1 - settings.sky_spread) * above
    sky = (1 - key_share - bounce_share) * _tinted(-warmth / 2) * spread
    below = _from((0.0, -1.0, 0.0))
    bounce = bounce_share * torch.tensor([ground[0], 1.0, ground[1]]) * below
    brightness = _between(settings.brightness, draws[7])
    return Light(radiance=brightness * (key + sky + bounce))


def _between(limits: tuple[float, float], share: float) -> float:
    return limits[0] + (limits[1] - limits[0]) * share


def _tinted(warmth: float) -> Float[Tensor, " 3"]:
    return torch.tensor([1 + warmth, 1.0, 1 - warmth])


def _constant() -> Float[Tensor, "9 1"]:
    """Return light from all sides that puts 1 on every surface."""
    return constant_light().radiance[:, :1]


def _from(direction: tuple[float, float, float]) -> Float[Tensor, "9 1"]:
    """Return light of a wide lobe max(0, cos) about a direction; on the mean it puts 1 on surfaces.

    The lobe's own coefficients are those of the cosine, A_l Y_lm (their eq. 8): with a lobe as wide
    as that, order 2 never gets below zero on a surface.
    """
    towards = normalize(torch.tensor(direction), dim=0)
    lobe = torch.tensor(COSINE_LOBE)
    return (4 * math.pi * lobe * harmonics(towards))[:, None]
