"""SMPL-X's 55 joints: names, order and tree."""

_FINGERS = ("index", "middle", "pinky", "ring", "thumb")
_BODY = """pelvis left_hip right_hip spine1 left_knee right_knee spine2 left_ankle right_ankle
spine3 left_foot right_foot neck left_collar right_collar head left_shoulder right_shoulder
left_elbow right_elbow left_wrist right_wrist jaw left_eye_smplhf right_eye_smplhf"""

JOINT_NAMES: tuple[str, ...] = (
    *_BODY.split(),
    *(
        f"{side}_{finger}{number}"
        for side in ("left", "right")
        for finger in _FINGERS
        for number in (1, 2, 3)
    ),
)


def _parent_name(name: str) -> str:
    """Return the name of the joint that a joint hangs on; empty for the pelvis."""
    central = {"pelvis": "", "spine1": "pelvis", "spine2": "spine1", "spine3": "spine2"}
    central |= {"neck": "spine3", "head": "neck", "jaw": "head"}
    if name in central:
        return central[name]
    side, part = name.split("_")[:2]
    limbs = {"hip": "pelvis", "knee": f"{side}_hip", "ankle": f"{side}_knee"}
    limbs |= {"foot": f"{side}_ankle", "collar": "spine3", "shoulder": f"{side}_collar"}
    limbs |= {"elbow": f"{side}_shoulder", "wrist": f"{side}_elbow", "eye": "head"}
    if part in limbs:
        return limbs[part]
    finger, number = part[:-1], int(part[-1])
    return f"{side}_wrist" if number == 1 else f"{side}_{finger}{number - 1}"


PARENTS: tuple[int, ...] = tuple(
    JOINT_NAMES.index(_parent_name(name)) if _parent_name(name) else -1 for name in JOINT_NAMES
)
"""Of each joint; -1 for the pelvis."""
