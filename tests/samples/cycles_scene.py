# SPDX-License-Identifier: GPL-3.0-or-later
"""Blender scenes of the sample photos: a person, a backdrop, lights and a camera, in Cycles."""

# pyright: reportMissingImports=false, reportAttributeAccessIssue=false
# The bpy wheel is not among the project's requirements: only who renders the samples installs it.

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bpy
import numpy as np
from jaxtyping import Float
from mathutils import Vector

from backend.synthesis.people import Part
from shared.coordinates import blender_world_from_camera

Rgb = tuple[float, float, float]
Place = tuple[float, float, float]


@dataclass(frozen=True, kw_only=True)
class Surface:
    """A procedural material of two colours (linear RGB) in a pattern."""

    pattern: str
    """`brick`, `planks`, `tiles`, `plaster` or `grass`."""
    first: Rgb
    second: Rgb
    joint: Rgb = (0.2, 0.2, 0.2)
    scale: float = 1.0


@dataclass(frozen=True, kw_only=True)
class Light:
    """A square light that looks at the person's chest; metres, watts."""

    place: Place
    power_w: float
    size_m: float
    colour: Rgb = (1.0, 1.0, 1.0)


@dataclass(frozen=True, kw_only=True)
class Box:
    """A piece of furniture; centre and size in metres, world frame."""

    centre: Place
    size: Place
    surface: Surface


@dataclass(frozen=True, kw_only=True)
class Backdrop:
    """What stands around the person; world frame, the camera looks along +Y."""

    wall: Surface
    floor: Surface
    wall_m: float
    """Distance of the wall behind the person."""
    boxes: tuple[Box, ...]
    lights: tuple[Light, ...]
    sky: Rgb
    sky_strength: float
    sun_w: float = 0.0


def empty_scene(width: int, height: int, samples: int) -> Any:
    """Return a scene without objects, set to Cycles on the CPU."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    scene.render.engine = "CYCLES"
    scene.render.resolution_x, scene.render.resolution_y = width, height
    scene.render.resolution_percentage = 100
    scene.cycles.samples = samples
    scene.cycles.use_adaptive_sampling = True
    scene.cycles.adaptive_threshold = 0.05  # the denoiser smooths what is left
    scene.cycles.max_bounces = 4
    scene.cycles.transparent_max_bounces = 24
    scene.cycles.use_denoising = True
    scene.cycles.denoiser = "OPENIMAGEDENOISE"
    scene.view_settings.view_transform = "AgX"
    scene.view_settings.look = "AgX - Medium High Contrast"
    return scene


def add_camera(
    scene: Any, intrinsics: Float[np.ndarray, "3 3"], camera_from_world: Float[np.ndarray, "4 4"]
) -> None:
    """Add a pinhole camera; OpenCV's axes, principal point in the middle."""
    lens = bpy.data.cameras.new("camera")
    lens.sensor_fit, lens.sensor_height = "VERTICAL", 36.0
    lens.sensor_width = 36.0
    lens.lens = 36.0 * float(intrinsics[1, 1]) / scene.render.resolution_y
    lens.clip_start = 0.05
    camera = bpy.data.objects.new("camera", lens)
    camera.matrix_world = blender_world_from_camera(camera_from_world).T.tolist()
    scene.collection.objects.link(camera)
    scene.camera = camera


def add_part(scene: Any, part: Part, vertices_world: Float[np.ndarray, "V 3"]) -> None:
    """Add one mesh of the person with its texture."""
    mesh = bpy.data.meshes.new(part.name)
    faces = part.faces.numpy()
    mesh.from_pydata(vertices_world.tolist(), [], faces.tolist())
    layer = mesh.uv_layers.new(name="uv")
    layer.data.foreach_set("uv", part.corner_uv.numpy().ravel())
    mesh.polygons.foreach_set("use_smooth", [True] * len(faces))
    mesh.materials.append(_part_material(part))
    scene.collection.objects.link(bpy.data.objects.new(part.name, mesh))


def _material(name: str) -> tuple[Any, Any, Any]:
    """Return a new material, its node tree and its principled shader."""
    material = bpy.data.materials.new(name)
    material.use_nodes = True
    return material, material.node_tree, material.node_tree.nodes["Principled BSDF"]


def _part_material(part: Part) -> Any:
    material, tree, shader = _material(part.name)
    shader.inputs["Roughness"].default_value = 0.35 if part.name == "eyes" else 0.6
    shader.inputs["Specular IOR Level"].default_value = 0.6 if part.name == "eyes" else 0.25
    if part.texture is None:
        shader.inputs["Base Color"].default_value = (*part.colour, 1.0)
        return material
    picture = tree.nodes.new("ShaderNodeTexImage")
    picture.image = bpy.data.images.load(str(part.texture))
    tree.links.new(picture.outputs["Color"], shader.inputs["Base Color"])
    if picture.image.channels == 4 and part.name != "skin":
        tree.links.new(picture.outputs["Alpha"], shader.inputs["Alpha"])
    if part.name == "skin":
        shader.inputs["Subsurface Weight"].default_value = 0.15
        shader.inputs["Subsurface Radius"].default_value = (0.008, 0.003, 0.002)
        shader.inputs["Roughness"].default_value = 0.5
    _add_normal_map(tree, shader, part.texture)
    return material


def _add_normal_map(tree: Any, shader: Any, texture: Path) -> None:
    """Use the relief that lies beside a colour picture, if there is one."""
    relief = texture.with_name(texture.name.replace("_diffuse", "_normal"))
    if relief == texture or not relief.is_file():
        return
    picture = tree.nodes.new("ShaderNodeTexImage")
    picture.image = bpy.data.images.load(str(relief))
    picture.image.colorspace_settings.name = "Non-Color"
    normal = tree.nodes.new("ShaderNodeNormalMap")
    tree.links.new(picture.outputs["Color"], normal.inputs["Color"])
    tree.links.new(normal.outputs["Normal"], shader.inputs["Normal"])


def add_backdrop(scene: Any, backdrop: Backdrop) -> None:
    """Add the room, its furniture and its lights."""
    world = bpy.data.worlds.new("world")
    world.use_nodes = True
    sky = world.node_tree.nodes["Background"]
    sky.inputs["Color"].default_value = (*backdrop.sky, 1.0)
    sky.inputs["Strength"].default_value = backdrop.sky_strength
    scene.world = world
    far = backdrop.wall_m
    _add_box(scene, Box(centre=(0, 0, -0.05), size=(16, 16, 0.1), surface=backdrop.floor))
    _add_box(scene, Box(centre=(0, far + 0.1, 2), size=(16, 0.2, 4), surface=backdrop.wall))
    for box in backdrop.boxes:
        _add_box(scene, box)
    _add_lights(scene, backdrop.lights)
    if backdrop.sun_w:
        sun = bpy.data.lights.new("sun", "SUN")
        sun.energy, sun.angle = backdrop.sun_w, math.radians(4)
        lamp = bpy.data.objects.new("sun", sun)
        lamp.rotation_euler = (math.radians(42), math.radians(14), math.radians(-30))
        scene.collection.objects.link(lamp)


def _add_lights(scene: Any, lights: Sequence[Light]) -> None:
    for light in lights:
        area = bpy.data.lights.new("light", "AREA")
        area.energy, area.size, area.color = light.power_w, light.size_m, light.colour
        lamp = bpy.data.objects.new("light", area)
        lamp.location = light.place
        towards = Vector((0, 0, 1.1)) - Vector(light.place)
        lamp.rotation_euler = towards.to_track_quat("-Z", "Y").to_euler()
        scene.collection.objects.link(lamp)


def _add_box(scene: Any, box: Box) -> None:
    corners = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)]) / 2
    quads = [[0, 1, 3, 2], [4, 6, 7, 5], [0, 4, 5, 1], [2, 3, 7, 6], [0, 2, 6, 4], [1, 5, 7, 3]]
    mesh = bpy.data.meshes.new("box")
    mesh.from_pydata((corners * box.size + box.centre).tolist(), [], quads)
    mesh.materials.append(_surface_material(box.surface, flat=box.size[2] <= 0.1))
    scene.collection.objects.link(bpy.data.objects.new("box", mesh))


def _surface_material(surface: Surface, *, flat: bool) -> Any:
    """Two colours in a pattern, roughened by noise in colour and relief."""
    material, tree, shader = _material(surface.pattern)
    nodes, links = tree.nodes, tree.links
    where = nodes.new("ShaderNodeMapping")
    links.new(nodes.new("ShaderNodeTexCoord").outputs["Object"], where.inputs["Vector"])
    where.inputs["Scale"].default_value = (surface.scale,) * 3
    if not flat:  # patterns lie in x and y: a wall shows x and z
        where.inputs["Rotation"].default_value = (-math.pi / 2, 0, 0)
    noise = nodes.new("ShaderNodeTexNoise")
    noise.inputs["Scale"].default_value = 60.0 if surface.pattern == "grass" else 9.0
    noise.inputs["Detail"].default_value = 9.0
    noise.inputs["Roughness"].default_value = 0.7
    links.new(where.outputs["Vector"], noise.inputs["Vector"])
    colour = _pattern(tree, surface, where, noise)
    links.new(colour, shader.inputs["Base Color"])
    bump = nodes.new("ShaderNodeBump")
    bump.inputs["Strength"].default_value = 0.25
    bump.inputs["Distance"].default_value = 0.01
    links.new(noise.outputs["Fac"], bump.inputs["Height"])
    links.new(bump.outputs["Normal"], shader.inputs["Normal"])
    shader.inputs["Roughness"].default_value = 0.45 if surface.pattern == "planks" else 0.8
    return material


BRICKS = {"brick": (0.5, 0.24, 0.08, 0.015), "planks": (0.4, 1.6, 0.14, 0.004)}
BRICKS |= {"tiles": (0.0, 0.4, 0.4, 0.008)}
"""Shift of every second row, width, height and joint of one stone, metres at scale 1."""


def _pattern(tree: Any, surface: Surface, where: Any, noise: Any) -> Any:
    """Return the socket of the colour."""
    mix = tree.nodes.new("ShaderNodeMix")
    mix.data_type = "RGBA"
    if surface.pattern not in BRICKS:
        ramp = tree.nodes.new("ShaderNodeMapRange")
        ramp.inputs["From Min"].default_value, ramp.inputs["From Max"].default_value = 0.3, 0.7
        tree.links.new(noise.outputs["Fac"], ramp.inputs["Value"])
        tree.links.new(ramp.outputs["Result"], mix.inputs["Factor"])
        mix.inputs[6].default_value = (*surface.first, 1.0)
        mix.inputs[7].default_value = (*surface.second, 1.0)
        return mix.outputs[2]
    shift, width, height, joint = BRICKS[surface.pattern]
    bricks = tree.nodes.new("ShaderNodeTexBrick")
    bricks.offset = shift
    values = {"Scale": 1.0, "Brick Width": width, "Row Height": height, "Mortar Size": joint}
    for name, value in values.items():
        bricks.inputs[name].default_value = value
    bricks.inputs["Color1"].default_value = (*surface.first, 1.0)
    bricks.inputs["Color2"].default_value = (*surface.second, 1.0)
    bricks.inputs["Mortar"].default_value = (*surface.joint, 1.0)
    tree.links.new(where.outputs["Vector"], bricks.inputs["Vector"])
    mix.blend_type = "OVERLAY"
    mix.inputs["Factor"].default_value = 0.6
    tree.links.new(bricks.outputs["Color"], mix.inputs[6])
    tree.links.new(noise.outputs["Fac"], mix.inputs[7])
    return mix.outputs[2]


def render(scene: Any, path: Path) -> None:
    """Write the picture as PNG; its alpha is the person's cover if the film is transparent."""
    scene.render.image_settings.file_format = "PNG"
    scene.render.image_settings.color_mode = "RGBA" if scene.render.film_transparent else "RGB"
    scene.render.filepath = str(path)
    bpy.ops.render.render(write_still=True)
