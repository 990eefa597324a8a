"""Named poses with seeded variation, and the poses in which deformation is measured.

Limbs are laid along directions (`backend.body.limb_pose`), given as degrees: `forward` from
hanging straight down (90 = level before the body, 180 = straight up) and `out` to the limb's own
side.
"""

from dataclasses import dataclass
from functools import lru_cache

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import normalize

from backend.body.anny55 import Anny55
from backend.body.hinges import Hinges, hinges
from backend.body.kinematics import bone_matrices, matrix_from_axis_angle
from backend.body.limb_pose import limb_pose
from backend.synthesis.contact import with_arms_clear
from backend.synthesis.people import Outfit, Person, dress

Aim = tuple[int, int]
"""forward and out, degrees."""
SIGNS = {"left": 1.0, "right": -1.0}
SIDES = tuple(SIGNS)
SPINE = ("spine1", "spine2", "spine3")


@dataclass(frozen=True, slots=True, kw_only=True)
class Limb:
    """Where the two bones of an arm or a leg point."""

    upper: Aim
    lower: Aim


@dataclass(frozen=True, slots=True, kw_only=True)
class Posture:
    """Legs and arms, left then right, relative to the upright pelvis and chest."""

    legs: tuple[Limb, Limb]
    arms: tuple[Limb, Limb]
    lean_deg: int = 0
    """Of the trunk from the pelvis to the neck, forward."""
    has_flat_feet: bool = True
    curl_deg: int = 8
    """Of each finger joint beyond the relaxed hand."""
    hands: Aim | None = None
    """Where the hands point, palms to the body; None = along the forearms."""
    legs_apart: bool = False
    """A skirt would have to fold: not for those who wear one."""


def _limb(upper: Aim, lower: Aim) -> Limb:
    return Limb(upper=upper, lower=lower)


def _both(upper: Aim, lower: Aim) -> tuple[Limb, Limb]:
    return Limb(upper=upper, lower=lower), Limb(upper=upper, lower=lower)


_STANDING = _both((2, 5), (-2, 4))
_HANGING = _both((0, 20), (18, 12))

POSTURES: dict[str, Posture] = {
    "a_pose": Posture(legs=_both((1, 7), (-1, 6)), arms=_both((0, 42), (8, 40))),
    "standing": Posture(legs=_STANDING, arms=_HANGING),
    "arms_up": Posture(legs=_both((2, 9), (-2, 8)), arms=_both((168, 25), (174, 8))),
    "t_pose": Posture(legs=_STANDING, arms=_both((80, 82), (85, 80))),
    "walking": Posture(
        legs_apart=True,
        legs=(_limb((24, 2), (8, 2)), _limb((-14, 2), (-32, 2))),
        arms=(_limb((-22, 16), (0, 14)), _limb((22, 16), (48, 8))),
        lean_deg=5,
        has_flat_feet=False,
    ),
    "strolling": Posture(
        legs=(_limb((9, 3), (2, 3)), _limb((-5, 3), (-16, 3))),
        arms=(_limb((-12, 17), (6, 15)), _limb((12, 17), (32, 10))),
        lean_deg=3,
        has_flat_feet=False,
    ),
    "running": Posture(
        legs_apart=True,
        legs=(_limb((58, 3), (-28, 2)), _limb((-18, 3), (-74, 3))),
        arms=(_limb((-42, 18), (44, 6)), _limb((34, 16), (124, -4))),
        lean_deg=14,
        has_flat_feet=False,
        curl_deg=35,
    ),
    "sitting": Posture(
        legs_apart=True,
        legs=_both((84, 9), (2, 4)),
        arms=_both((24, 14), (74, -2)),
        lean_deg=4,
        curl_deg=4,
    ),
    "crossed_legs": Posture(
        legs_apart=True,
        legs=(_limb((66, 58), (44, -62)), _limb((66, 58), (12, -60))),
        arms=_both((30, 26), (62, 20)),
        lean_deg=12,
        has_flat_feet=False,
    ),
    "squatting": Posture(
        legs_apart=True, legs=_both((92, 22), (-26, 10)), arms=_both((62, 16), (86, 4)), lean_deg=26
    ),
    "lunging": Posture(
        legs_apart=True,
        legs=(_limb((66, 5), (-4, 4)), _limb((-24, 5), (-42, 4))),
        arms=_both((4, 34), (20, 30)),
        has_flat_feet=False,
    ),
    "waving": Posture(legs=_STANDING, arms=(_limb((60, 78), (170, 30)), _limb((2, 18), (16, 12)))),
    "reaching": Posture(
        legs=_STANDING, arms=(_limb((82, 10), (90, 4)), _limb((62, 14), (84, 0))), lean_deg=10
    ),
    "hands_on_hips": Posture(
        legs=_both((2, 8), (-2, 7)), arms=_both((-24, 44), (26, -34)), hands=(62, -22), curl_deg=14
    ),
}
POSES: tuple[str, ...] = tuple(POSTURES)
POSES_IN_SKIRTS: tuple[str, ...] = tuple(
    name for name, posture in POSTURES.items() if not posture.legs_apart
)
"""Skinning cannot fold a skirt between the thighs: in other poses they stick out of it."""

AIM_SIGMA_DEG = 5.0
"""Variation of each bone's direction."""
LEAN_SIGMA_DEG = 4.0
HEAD_SIGMA_DEG = (8.0, 18.0, 5.0)
"""Nod, turn and tilt of the head, shared by neck and head."""
SPINE_SIGMA_DEG = (0.0, 6.0, 4.0)
"""Twist and side bend of the whole trunk."""
CURL_SIGMA_DEG = 6.0

CROTCH_M = 0.15
"""Below the hip joints, where trousers part."""
SHARED = 0.08
"""Share of both thighs in a vertex that spans their gap."""

DEFORMATION_SEED = 20260
DEFORMATION_SIGMA_DEG = {"hip": 30.0, "shoulder": 30.0, "knee": 27.0, "elbow": 27.0}
OTHER_SIGMA_DEG = 10.0


def random_rotations(
    body: Anny55, seed: int, name: str | None = None, *, person: Person | None = None
) -> Float[Tensor, "J 3 3"]:
    """Return a varied pose, always the same for a seed; the pelvis is the identity.

    Args:
        body: The body model.
        seed: Any number.
        name: One of `POSES`; None draws one that the person's clothes allow.
        person: Whose arms have to stay out of whose trunk; None = the naked mean body.

    Returns:
        Rotations relative to parent and bind pose, body axes.
    """
    generator = torch.Generator().manual_seed(seed)
    someone = person or _naked(body)
    if name is None:
        names = POSES_IN_SKIRTS if wears_skirt(body, someone) else POSES
        name = names[int(torch.randint(len(names), (), generator=generator))]
    posture = POSTURES[name]
    rotations = posed(body, posture, generator)
    return with_arms_clear(
        someone, body.joint_names, rotations, is_touching=posture.hands is not None
    )


def wears_skirt(body: Anny55, person: Person) -> bool:
    """Tell whether cloth spans the gap between the thighs: some of it follows both."""
    legs = [body.joint_names.index(f"{side}_hip") for side in SIDES]
    cloth = [part for part in person.parts if part.part in ("bottom", "dress")]
    knee = person.bind.joints[body.joint_names.index("left_knee"), 1]
    hip = person.bind.joints[legs[0], 1]
    for part in cloth:
        height = part.vertices[:, 1]
        between = (height > knee) & (height < hip - CROTCH_M)
        if bool((part.weights[between][:, legs].amin(dim=1) > SHARED).any()):
            return True
    return False


@lru_cache(maxsize=4)
def _naked(body: Anny55) -> Person:
    outfit = Outfit(garments=(), eyes=None, skin_colour=(1.0, 1.0, 1.0), skin_texture=None)
    return dress(body, body.mean_shape, outfit)


def posed(body: Anny55, posture: Posture, generator: torch.Generator) -> Float[Tensor, "J 3 3"]:
    """Return a posture with random variation as joint rotations."""
    joints, table = _rig(body)
    aims = torch.tensor(
        [[limb.upper, limb.lower] for limb in (*posture.legs, *posture.arms)],
        dtype=torch.float32,
    )  # (4, 2, forward and out)
    aims = aims + AIM_SIGMA_DEG * torch.randn(aims.shape, generator=generator)
    vectors = limb_pose(body, joints, table, directions(aims)[None])[0]
    vectors = vectors + torch.deg2rad(_trunk(body, posture, generator))
    rotations = matrix_from_axis_angle(vectors)
    if posture.has_flat_feet:
        rotations = _with_flat_feet(body, rotations)
    if posture.hands is not None:
        rotations = _with_hands(body, rotations, posture.hands)
    return rotations


def directions(aims_deg: Float[Tensor, "4 2 2"]) -> Float[Tensor, "4 2 3"]:
    """Return unit vectors of bones from degrees forward and out; left and right take turns."""
    forward, out = torch.deg2rad(aims_deg).unbind(-1)
    side = aims_deg.new_tensor([1.0, -1.0, 1.0, -1.0])[:, None]
    flat = out.cos()
    return torch.stack([side * out.sin(), -flat * forward.cos(), flat * forward.sin()], dim=-1)


@lru_cache(maxsize=4)
def _rig(body: Anny55) -> tuple[Float[Tensor, "J 3"], Hinges]:
    joints = body.bind(body.mean_shape).joints
    return joints, hinges(body, joints)


def _trunk(body: Anny55, posture: Posture, generator: torch.Generator) -> Float[Tensor, "J 3"]:
    """Return axis times angle of spine, neck, head and fingers, degrees; zeros elsewhere."""
    degrees = torch.zeros(len(body.joint_names), 3)
    lean = posture.lean_deg + LEAN_SIGMA_DEG * float(torch.randn((), generator=generator))
    spine = torch.tensor(SPINE_SIGMA_DEG) * torch.randn(3, generator=generator)
    spine[0] += lean
    head = torch.tensor(HEAD_SIGMA_DEG) * torch.randn(3, generator=generator)
    head[0] -= 0.6 * lean  # eyes stay near the horizon
    curl = posture.curl_deg + CURL_SIGMA_DEG * float(torch.randn((), generator=generator))
    _, table = _rig(body)
    degrees[table.joints[4:]] = curl * table.axes[4:]  # knees and elbows are the limbs' matter
    for joint, name in enumerate(body.joint_names):
        if name in SPINE:
            degrees[joint] = spine / len(SPINE)
        elif name in ("neck", "head"):
            degrees[joint] = head / 2
    return degrees


def _with_flat_feet(body: Anny55, rotations: Float[Tensor, "J 3 3"]) -> Float[Tensor, "J 3 3"]:
    """Turn the ankles so that the feet stand on the floor as in the bind pose, toes a bit out."""
    rotations = rotations.clone()
    for side in SIDES:
        hip, knee, ankle = (body.joint_names.index(f"{side}_{j}") for j in ("hip", "knee", "ankle"))
        rotations[ankle] = (rotations[hip] @ rotations[knee]).mT
    return rotations


def _with_hands(
    body: Anny55, rotations: Float[Tensor, "J 3 3"], aim: Aim
) -> Float[Tensor, "J 3 3"]:
    """Turn the wrists so that the hands point along an aim, their palms towards the body."""
    joints, _ = _rig(body)
    bones = bone_matrices(joints, body.parents, rotations)
    aims = directions(torch.tensor(aim, dtype=torch.float32).expand(4, 2, 2))[:2, 0]
    rotations = rotations.clone()
    for direction, (side, sign) in zip(aims, SIGNS.items(), strict=True):
        wrist, elbow, middle, index, pinky = (
            body.joint_names.index(f"{side}_{name}")
            for name in ("wrist", "elbow", "middle1", "index1", "pinky1")
        )
        along = joints[middle] - joints[wrist]
        palm = sign * torch.linalg.cross(along, joints[index] - joints[pinky])
        inwards = joints.new_tensor([-sign, 0.0, 0.0])
        turned = _frame(direction, inwards) @ _frame(along, palm).mT
        rotations[wrist] = bones[elbow, :3, :3].mT @ turned
    return rotations


def _frame(first: Float[Tensor, " 3"], second: Float[Tensor, " 3"]) -> Float[Tensor, "3 3"]:
    """Return right-handed axes as columns: the first vector, the second's part across, the rest."""
    first = normalize(first, dim=0)
    across = normalize(second - (second @ first) * first, dim=0)
    return torch.stack([first, across, torch.linalg.cross(first, across)], dim=-1)


def deformation_poses(body: Anny55, count: int = 32) -> Float[Tensor, "P J 3 3"]:
    """Return the fixed random poses over which the error of skin weights is measured.

    Each joint turns about an axis of any direction by a normally distributed angle, whose standard
    deviation is 30 degrees at hips and shoulders, 27 at knees and elbows and 10 at all others; the
    pelvis does not turn. Relative to parent and bind pose, body axes.
    """
    generator = torch.Generator().manual_seed(DEFORMATION_SEED)
    sigma_deg = torch.tensor([_sigma_deg(name) for name in body.joint_names])
    axes = normalize(torch.randn(count, len(sigma_deg), 3, generator=generator), dim=-1)
    angles = torch.randn(count, len(sigma_deg), 1, generator=generator)
    vectors = axes * angles * torch.deg2rad(sigma_deg)[:, None]
    return matrix_from_axis_angle(vectors.to(body.weights))


def _sigma_deg(name: str) -> float:
    if name == "pelvis":
        return 0.0
    return DEFORMATION_SIGMA_DEG.get(name.split("_")[-1], OTHER_SIGMA_DEG)
