"""Armature and mesh of an import, against the avatar they were made of."""

import time
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from blender.stand_in import Addon, avatar, joints, result, rotations
from numpy.typing import NDArray

FIRST = ("index1", "middle1", "pinky1", "ring1", "thumb1")
MIRROR = np.diag([-1.0, 1, 1])


@pytest.fixture
def armature(blender: ModuleType, addon: Addon) -> Any:
    return addon("scene").import_avatar(blender.context, result(addon))


def mesh_of(armature: Any) -> Any:
    return next(child for child in armature.children if child.type == "MESH")


def evaluated(bpy: ModuleType, body: Any) -> NDArray[np.float32]:
    """Vertices (V 3) as the modifiers leave them, in the world."""
    mesh = body.evaluated_get(bpy.context.evaluated_depsgraph_get()).data
    places = np.empty(3 * len(mesh.vertices), np.float32)
    mesh.vertices.foreach_get("co", places)
    world = np.array(body.matrix_world)
    return places.reshape(-1, 3) @ world[:3, :3].T + world[:3, 3]


def pose(addon: Addon, armature: Any, turns: NDArray[np.float32], root: Any) -> None:
    """Pose the bones with rotations as of a Fit."""
    names = addon("shared.skeleton").JOINT_NAMES
    rest = np.array([armature.data.bones[name].matrix_local.to_3x3() for name in names])
    turned = addon("scene.poses").to_bone_axes(turns, rest)
    from mathutils import Matrix

    for name, turn in zip(names, turned, strict=True):
        armature.pose.bones[name].rotation_quaternion = Matrix(turn.tolist()).to_quaternion()
    armature.pose.bones[names[0]].location = rest[0].T @ root


def test_blender_skins_as_the_backend_does_in_20_poses(
    blender: ModuleType,
    addon: Addon,
    armature: Any,
    record_testsuite_property: Callable[[str, object], None],
) -> None:
    job = result(addon, photo_count=1)
    apart_m = 0.0
    for seed in range(20):
        job.fit.rotations[0] = rotations(55, 2.0, seed)
        pose(addon, armature, job.fit.rotations[0], job.fit.root[0])
        expected = addon("shared.skinning").pose(job.avatar, job.fit, 0)
        found = evaluated(blender, mesh_of(armature))
        apart_m = max(apart_m, float(np.abs(found - expected).max()))
    record_testsuite_property("skinning_mm", f"{1000 * apart_m:.4f}")
    assert apart_m < 1e-4


@pytest.mark.parametrize("joint", range(55))
def test_each_joint_turns_as_in_the_backend(
    blender: ModuleType, addon: Addon, armature: Any, joint: int
) -> None:
    job = result(addon, photo_count=1)
    job.fit.rotations[0] = np.eye(3)
    job.fit.rotations[0, joint] = rotations(1, 2.0, seed=joint)[0]
    pose(addon, armature, job.fit.rotations[0], job.fit.root[0])
    expected = addon("shared.skinning").pose(job.avatar, job.fit, 0)
    np.testing.assert_allclose(evaluated(blender, mesh_of(armature)), expected, atol=1e-4)


def test_rest_pose_is_the_avatar(blender: ModuleType, addon: Addon, armature: Any) -> None:
    places = evaluated(blender, mesh_of(armature))
    np.testing.assert_allclose(places, avatar(addon).vertices, atol=1e-6)


def test_bones_are_root_and_the_joints(addon: Addon, armature: Any) -> None:
    skeleton = addon("shared.skeleton")
    bones = armature.data.bones
    assert {bone.name for bone in bones if bone.use_deform} == set(skeleton.JOINT_NAMES)
    assert [bone.name for bone in bones if not bone.use_deform] == ["root"]
    assert len(bones) == 56
    for name, parent in zip(skeleton.JOINT_NAMES, skeleton.PARENTS, strict=True):
        assert bones[name].parent.name == (skeleton.JOINT_NAMES[parent] if parent >= 0 else "root")


def test_bones_begin_at_the_joints(addon: Addon, armature: Any) -> None:
    names = addon("shared.skeleton").JOINT_NAMES
    heads = np.array([armature.data.bones[name].head_local for name in names])
    np.testing.assert_allclose(heads, joints(names), atol=1e-6)


def test_root_has_the_axes_of_the_world(armature: Any) -> None:
    matrix = np.array(armature.data.bones["root"].matrix_local)
    np.testing.assert_allclose(matrix, np.eye(4), atol=1e-7)


@pytest.mark.parametrize(
    ("bone", "child"),
    [("pelvis", "spine1"), ("left_elbow", "left_wrist"), ("right_knee", "right_ankle")],
)
def test_bones_end_where_the_next_begins(armature: Any, bone: str, child: str) -> None:
    bones = armature.data.bones
    assert bones[bone].tail_local == bones[child].head_local
    assert bones[child].use_connect


def test_fingers_can_be_moved_off_the_palm(armature: Any) -> None:
    first = [bone for bone in armature.data.bones if bone.name.endswith(FIRST)]
    assert len(first) == 10
    assert not any(bone.use_connect for bone in first)


@pytest.mark.parametrize(
    ("bone", "direction"),
    [
        ("head", (0, 0, 1)),
        ("jaw", (0, -1, 0)),
        ("left_eye_smplhf", (0, -1, 0)),
        ("right_foot", (0, -1, 0)),
        ("left_index3", (1, 0, 0)),
    ],
)
def test_last_bones_point_on(armature: Any, bone: str, direction: Any) -> None:
    along = np.array(armature.data.bones[bone].matrix_local.to_3x3())[:, 1]
    assert along @ direction > 0.7


def test_rest_axes_are_mirrored(blender: ModuleType, armature: Any) -> None:
    for bone in armature.data.bones:
        other = armature.data.bones[blender.utils.flip_name(bone.name)]
        own = np.array(bone.matrix_local.to_3x3())
        expected = MIRROR @ own @ MIRROR
        np.testing.assert_allclose(np.array(other.matrix_local.to_3x3()), expected, atol=1e-5)


@pytest.mark.parametrize("finger", ["index1", "middle2", "pinky3", "ring1"])
def test_positive_turn_about_x_bends_a_finger_to_the_palm(armature: Any, finger: str) -> None:
    for side in ("left", "right"):
        axes = np.array(armature.data.bones[f"{side}_{finger}"].matrix_local.to_3x3())
        assert axes[2, 2] < -0.8  # T-pose: palms look down; turning about X moves Y towards Z


def test_pasting_a_pose_flipped_mirrors_the_joints(
    blender: ModuleType, addon: Addon, armature: Any
) -> None:
    pose(addon, armature, rotations(55, 1.0, seed=2), np.array([0.2, 0.1, -0.1]))
    blender.context.view_layer.update()
    heads = {bone.name: np.array(bone.head) for bone in armature.pose.bones}
    blender.ops.object.mode_set(mode="POSE")
    blender.ops.pose.select_all(action="SELECT")
    assert blender.ops.pose.copy() == {"FINISHED"}
    assert blender.ops.pose.paste(flipped=True) == {"FINISHED"}
    blender.context.view_layer.update()
    for bone in armature.pose.bones:
        expected = MIRROR @ heads[blender.utils.flip_name(bone.name)]
        np.testing.assert_allclose(np.array(bone.head), expected, atol=1e-3)
    assert np.abs(heads["left_wrist"] - armature.pose.bones["left_wrist"].head).max() > 0.1


def test_bones_are_sorted_into_four_collections(armature: Any) -> None:
    members = {group.name: set(group.bones.keys()) for group in armature.data.collections}
    assert list(members) == ["Body", "Left Hand", "Right Hand", "Face"]
    assert [len(names) for names in members.values()] == [23, 15, 15, 3]
    assert {"root", "pelvis", "left_wrist"} <= members["Body"]
    assert "right_thumb3" in members["Right Hand"]


@pytest.mark.parametrize("seed", range(5))
def test_no_bone_is_parallel_to_what_its_roll_refers_to(addon: Addon, seed: int) -> None:
    body = avatar(addon)
    body.joints[:] = np.random.default_rng(seed).integers(0, 2, body.joints.shape)
    for shape in addon("scene.bones").bone_shapes(body):
        along = (shape.tail - shape.head) / np.linalg.norm(shape.tail - shape.head)
        direction = shape.z_direction / np.linalg.norm(shape.z_direction)
        assert np.linalg.norm(np.cross(along, direction)) > 0.1


def test_pose_bones_turn_by_quaternions(armature: Any) -> None:
    assert {bone.rotation_mode for bone in armature.pose.bones} == {"QUATERNION"}


def test_joints_in_one_place_keep_their_bones(blender: ModuleType, addon: Addon) -> None:
    job = result(addon)
    job.avatar.joints[:] = job.avatar.joints[0]
    armature = addon("scene").import_avatar(blender.context, job)
    assert len(armature.data.bones) == 56


def test_groups_are_the_joints_in_their_order(addon: Addon, armature: Any) -> None:
    names = tuple(group.name for group in mesh_of(armature).vertex_groups)
    assert names == addon("shared.skeleton").JOINT_NAMES


def test_weights_are_exact(addon: Addon, armature: Any) -> None:
    expected = avatar(addon).weights
    found = np.zeros_like(expected)
    for vertex in mesh_of(armature).data.vertices:
        for entry in vertex.groups:
            found[vertex.index, entry.group] = entry.weight
    np.testing.assert_array_equal(found, expected)


def test_colours_are_exact(addon: Addon, armature: Any) -> None:
    attributes = mesh_of(armature).data.color_attributes
    colour = attributes["Color"]
    found = np.empty(4 * len(colour.data), np.float32)
    colour.data.foreach_get("color_srgb", found)
    bytes_ = np.rint(found.reshape(-1, 4) * 255).astype(np.uint8)
    np.testing.assert_array_equal(bytes_[:, :3], avatar(addon).colours)
    assert (colour.data_type, colour.domain) == ("BYTE_COLOR", "POINT")
    assert (attributes.active_color.name, attributes.render_color_index) == ("Color", 0)


def test_material_does_not_darken_what_engines_multiply(armature: Any) -> None:
    (material,) = mesh_of(armature).data.materials
    surface = material.node_tree.nodes["Principled BSDF"]
    assert tuple(surface.inputs["Base Color"].default_value) == (1, 1, 1, 1)


def test_material_shows_the_colours(armature: Any) -> None:
    (material,) = mesh_of(armature).data.materials
    surface = material.node_tree.nodes["Principled BSDF"]
    (link,) = surface.inputs["Base Color"].links
    assert link.from_node.layer_name == "Color"


def test_faces_are_the_avatars_and_smooth(addon: Addon, armature: Any) -> None:
    mesh = mesh_of(armature).data
    corners = np.empty(len(mesh.loops), np.int32)
    mesh.loops.foreach_get("vertex_index", corners)
    np.testing.assert_array_equal(corners.reshape(-1, 3), avatar(addon).faces)
    assert all(polygon.use_smooth for polygon in mesh.polygons)
    assert not mesh.validate(verbose=True)


def test_faces_that_could_crash_blender_are_left_out(blender: ModuleType, addon: Addon) -> None:
    job = result(addon)
    job.avatar.faces[5] = job.avatar.faces[4]
    job.avatar.faces[9] = 7
    mesh = mesh_of(addon("scene").import_avatar(blender.context, job)).data
    assert len(mesh.polygons) == len(job.avatar.faces) - 2


def test_modifier_blends_matrices(armature: Any) -> None:
    (modifier,) = mesh_of(armature).modifiers
    assert modifier.object == armature
    assert not modifier.use_deform_preserve_volume


def test_100_000_vertices_take_less_than_a_second_of_the_processor(
    blender: ModuleType,
    addon: Addon,
    record_testsuite_property: Callable[[str, object], None],
) -> None:
    job = result(addon, vertex_count=100_000)
    start = time.process_time()
    addon("scene").import_avatar(blender.context, job)
    seconds = time.process_time() - start
    record_testsuite_property("import_s", f"{seconds:.2f}")
    assert len(job.avatar.vertices) > 99_000
    assert seconds < 1
