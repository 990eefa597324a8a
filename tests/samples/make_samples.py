# SPDX-License-Identifier: GPL-3.0-or-later
"""Render the sample photos and write the truth about them.

`python tests/samples/make_samples.py MAKEHUMAN_FOLDER backend/assets/samples` (needs bpy 4.5).
"""

import argparse
import tempfile
from dataclasses import dataclass
from pathlib import Path

import cycles_scene
import numpy as np
import torch
from jaxtyping import Float
from outer_surface import outer_faces
from PIL import Image
from sample_person import body_height_m, sample_person, sample_shape
from sample_photos import HEIGHT, PHOTOS, WIDTH, SamplePhoto, camera_from_world, intrinsics_of
from sample_poses import POSES, rotations_of, stage_from_body
from torch import Tensor

from backend.body.anny55 import Anny55, load_anny55
from backend.body.kinematics import bone_matrices, moved_joints
from backend.synthesis.people import Person, merged, pose_part
from shared.coordinates import WORLD_FROM_BODY, rigid

SAMPLES, MASK_SAMPLES = 48, 16
JPEG_QUALITY = 93
EXIF_MAKE, EXIF_MODEL, EXIF_FOCAL_35MM, EXIF_IFD = 0x010F, 0x0110, 0xA405, 0x8769


@dataclass(frozen=True, kw_only=True)
class Shot:
    """One photo with the person in place."""

    photo: SamplePhoto
    rotations: Float[Tensor, "J 3 3"]
    """Relative to parent and bind pose; the pelvis is the identity."""
    world_from_body: Float[np.ndarray, "4 4"]


def take_place(photo: SamplePhoto, person: Person, body: Anny55) -> Shot:
    """Pose the person, soles on the floor."""
    zero = body.zero_from_bind(person.bind.joints)
    pose = POSES[photo.pose]
    rotations = rotations_of(pose, body.joint_names, body.parents, zero)
    stage = stage_from_body(pose, person, rotations)
    world_from_stage = rigid(WORLD_FROM_BODY, np.zeros(3))
    still = rotations.clone()
    still[0] = torch.eye(3)
    world = world_from_stage @ stage.double().numpy()
    return Shot(photo=photo, rotations=still, world_from_body=world)


def draw(shot: Shot, person: Person, folder: Path, samples: int) -> None:
    """Write the JPEG and the mask of one photo."""
    photo = shot.photo
    for kind, count in (("color", samples), ("mask", MASK_SAMPLES)):
        scene = cycles_scene.empty_scene(WIDTH, HEIGHT, count)
        scene.view_settings.exposure = photo.exposure
        cycles_scene.add_camera(scene, intrinsics_of(photo), camera_from_world(photo))
        for part in person.parts:
            posed = pose_part(person, part, shot.rotations).double().numpy()
            turned = posed @ shot.world_from_body[:3, :3].T + shot.world_from_body[:3, 3]
            cycles_scene.add_part(scene, part, turned)
        if kind == "color":
            cycles_scene.add_backdrop(scene, photo.backdrop)
        scene.render.film_transparent = kind == "mask"
        scene.cycles.use_denoising = kind == "color"
        with tempfile.TemporaryDirectory() as temporary:
            path = Path(temporary) / "render.png"
            cycles_scene.render(scene, path)
            with Image.open(path) as picture:
                (save_photo if kind == "color" else save_mask)(picture, photo, folder)


def save_photo(picture: Image.Image, photo: SamplePhoto, folder: Path) -> None:
    """Write a JPEG, with the focal length in its EXIF if the photo has one."""
    exif = Image.Exif()
    if photo.has_exif:
        exif[EXIF_MAKE], exif[EXIF_MODEL] = "Photo Avatar", f"Synthetic {photo.focal_35mm} mm"
        exif.get_ifd(EXIF_IFD)[EXIF_FOCAL_35MM] = photo.focal_35mm
    path = folder / f"{photo.pose}.jpg"
    picture.convert("RGB").save(path, quality=JPEG_QUALITY, exif=exif, optimize=True)


def save_mask(picture: Image.Image, photo: SamplePhoto, folder: Path) -> None:
    """Write the share of the person in each pixel, 0 to 255."""
    picture.getchannel("A").save(folder / f"{photo.pose}_mask.png", optimize=True)


def truth(shots: list[Shot], person: Person, body: Anny55, shape: Tensor) -> dict[str, np.ndarray]:
    """Return what README.md beside the photos describes."""
    surface = merged(person)
    faces = outer_faces(surface.vertices.double().numpy(), surface.faces.numpy())
    kept, faces = np.unique(faces, return_inverse=True)
    cameras = [camera_from_world(shot.photo) @ shot.world_from_body for shot in shots]
    rotations = torch.stack([shot.rotations for shot in shots])
    bones = bone_matrices(person.bind.joints, person.parents, rotations)
    joints = moved_joints(person.bind.joints, bones).double().numpy()
    matrices = np.stack(cameras)
    in_camera = np.einsum("pij,pnj->pni", matrices[:, :3, :3], joints) + matrices[:, None, :3, 3]
    return {
        "photos": np.array([f"{shot.photo.pose}.jpg" for shot in shots]),
        "joint_names": np.array(body.joint_names),
        "rotations": rotations.numpy(),
        "camera_from_body": matrices,
        "intrinsics": np.stack([intrinsics_of(shot.photo) for shot in shots]),
        "image_size": np.array([[WIDTH, HEIGHT]] * len(shots)),
        "joints_camera": in_camera,
        "joints": person.bind.joints.numpy(),
        "vertices": surface.vertices[torch.from_numpy(kept)].numpy(),
        "faces": faces.reshape(-1, 3).astype(np.int32),
        "weights": surface.weights[torch.from_numpy(kept)].half().numpy(),
        "body_height_m": np.array(body_height_m(body, shape)),
        "shape": shape.numpy(),
        "shape_names": np.array(body.shape_names),
    }


def main() -> None:
    """Render all photos, or those named."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("makehuman", type=Path, help="folder that holds MakeHuman's `system`")
    parser.add_argument("output", type=Path)
    parser.add_argument("--only", nargs="*", choices=sorted(POSES), default=sorted(POSES))
    parser.add_argument("--samples", type=int, default=SAMPLES)
    arguments = parser.parse_args()
    body = load_anny55()
    shape = sample_shape(body)
    person = sample_person(body, shape, arguments.makehuman)
    arguments.output.mkdir(parents=True, exist_ok=True)
    shots = [take_place(photo, person, body) for photo in PHOTOS]
    np.savez_compressed(arguments.output / "truth.npz", **truth(shots, person, body, shape))
    for shot in shots:
        if shot.photo.pose in arguments.only:
            draw(shot, person, arguments.output, arguments.samples)


if __name__ == "__main__":
    main()
