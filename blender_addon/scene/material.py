"""The material that shows the avatar's vertex colours."""

from typing import Any

import bpy

COLOUR = "Color"
"""Of the colour attribute; Blender's own name for it."""
ROUGHNESS = 0.8
SPECULAR = 0.2
"""0.5 is Blender's; the photos' highlights are already in the colours."""


def new_material(name: str) -> bpy.types.Material:
    """Return a rough material whose base colour is the mesh's colour attribute."""
    material = bpy.data.materials.new(name)
    if material.node_tree is None:
        material.use_nodes = True
    tree: Any = material.node_tree
    surface = next(node for node in tree.nodes if node.type == "BSDF_PRINCIPLED")
    surface.inputs["Roughness"].default_value = ROUGHNESS
    surface.inputs["Specular IOR Level"].default_value = SPECULAR
    # unseen behind the link, but FBX writes it, and engines multiply the colours by it
    surface.inputs["Base Color"].default_value = (1, 1, 1, 1)
    colour = tree.nodes.new("ShaderNodeVertexColor")
    colour.layer_name = COLOUR
    colour.location = (surface.location.x - 220, surface.location.y)
    tree.links.new(colour.outputs["Color"], surface.inputs["Base Color"])
    return material
