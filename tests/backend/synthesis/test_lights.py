import math

import torch
from torch import Tensor

from backend.synthesis.lights import (
    Light,
    constant_light,
    harmonics,
    irradiance,
    random_light,
)


def directions(count: int = 20_000) -> Tensor:
    """Evenly spread unit vectors (Fibonacci)."""
    place = torch.arange(count, dtype=torch.float64) + 0.5
    z = 1 - 2 * place / count
    angle = math.pi * (1 + math.sqrt(5)) * place
    flat = (1 - z * z).sqrt()
    return torch.stack([flat * angle.cos(), flat * angle.sin(), z], -1)


def test_harmonics_are_orthonormal() -> None:
    values = harmonics(directions())
    products = values.T @ values * (4 * math.pi / len(values))
    torch.testing.assert_close(products, torch.eye(9, dtype=torch.float64), atol=1e-3, rtol=0)


def test_irradiance_is_the_integral_over_the_hemisphere() -> None:
    radiance = torch.randn(9, 3, generator=torch.Generator().manual_seed(0)).double()
    radiance[0] += 20  # light is positive
    around = directions()
    light = harmonics(around) @ radiance
    normals = directions(7)
    cosine = (normals @ around.T).clamp_min(0)
    expected = cosine @ light * (4 * math.pi / len(around)) / math.pi
    found = irradiance(Light(radiance=radiance), normals)
    torch.testing.assert_close(found, expected, atol=0.01, rtol=1e-3)


def test_constant_light_shines_alike_on_all_surfaces() -> None:
    found = irradiance(constant_light((1.0, 0.5, 0.25)), directions(50).float())
    torch.testing.assert_close(found, torch.tensor([1.0, 0.5, 0.25]).expand(50, 3))


def test_random_lights_leave_no_side_dark_and_are_of_usual_brightness() -> None:
    normals = directions(300).float()
    for seed in range(100):
        shine = irradiance(random_light(seed), normals).mean(1)
        assert shine.min() > 0.2
        assert shine.max() < 2.5
        assert 0.65 < shine.mean() < 1.05


def test_most_light_comes_from_above() -> None:
    up_and_down = torch.tensor([[0.0, 1, 0], [0, -1, 0]])
    shine = torch.stack([irradiance(random_light(seed), up_and_down) for seed in range(50)])
    assert (shine[:, 0].mean(1) > shine[:, 1].mean(1)).float().mean() > 0.9


def test_a_seed_gives_its_own_light() -> None:
    assert random_light(5).radiance.equal(random_light(5).radiance)
    assert not random_light(5).radiance.equal(random_light(6).radiance)
