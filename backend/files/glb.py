"""Avatar -> binary glTF 2.0: one skinned mesh with vertex colours.

The bones are nodes without rotation, so the rest pose is the bind pose and every inverse bind
matrix is a translation. Source: the glTF 2.0 specification, Khronos Group, sections 3.6-3.9, 4.4.
"""

import json
import struct
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jaxtyping import Float, UInt8, UInt16
from numpy.typing import NDArray

from shared.coordinates import GLTF_FROM_WORLD, change_axes
from shared.types import MAX_INFLUENCES, Avatar

FLOAT, UNSIGNED_BYTE, UNSIGNED_SHORT, UNSIGNED_INT = 5126, 5121, 5123, 5125
COMPONENT = {"f4": FLOAT, "u1": UNSIGNED_BYTE, "u2": UNSIGNED_SHORT, "u4": UNSIGNED_INT}
ARRAY_BUFFER, ELEMENT_ARRAY_BUFFER = 34962, 34963
JSON_CHUNK, BINARY_CHUNK = 0x4E4F534A, 0x004E4942
ROUGHNESS = 0.9
"""Cloth and skin seen from afar; the colours hold the photos' light already."""


@dataclass(slots=True)
class Buffer:
    """The binary chunk as it grows, and the JSON that says what lies where."""

    chunks: list[bytes] = field(default_factory=list)
    views: list[dict[str, Any]] = field(default_factory=list)
    accessors: list[dict[str, Any]] = field(default_factory=list)

    def add(self, array: NDArray[Any], kind: str, **members: Any) -> int:
        """Return the index of a new accessor of an array whose rows are multiples of 4 bytes.

        Args:
            array: Little-endian.
            kind: glTF's element type: SCALAR, VEC3, VEC4, MAT4.
            members: More members of the accessor; `target` goes to the buffer view.
        """
        target = members.pop("target", None)
        view = {"buffer": 0, "byteOffset": self.size, "byteLength": array.nbytes}
        self.views.append(view | ({} if target is None else {"target": target}))
        self.accessors.append(
            {
                "bufferView": len(self.views) - 1,
                "componentType": COMPONENT[array.dtype.str[1:]],
                "count": len(array),
                "type": kind,
                **members,
            }
        )
        self.chunks.append(_padded(array.tobytes(), b"\0"))
        return len(self.accessors) - 1

    @property
    def size(self) -> int:
        """Bytes so far."""
        return sum(map(len, self.chunks))


def glb(avatar: Avatar, normals: Float[np.ndarray, "V 3"]) -> bytes:
    """Return the avatar as the bytes of a .glb file: metres, +Y up, facing +Z.

    Args:
        avatar: World frame.
        normals: Unit length, world frame.
    """
    buffer = Buffer()
    primitive = {"attributes": _attributes(avatar, normals, buffer), "material": 0}
    indices = avatar.faces.astype("<u4").reshape(-1)
    primitive["indices"] = buffer.add(indices, "SCALAR", target=ELEMENT_ARRAY_BUFFER)
    nodes = _nodes(avatar)
    document = {
        "asset": {"version": "2.0", "generator": "Photo Avatar"},
        "scene": 0,
        "scenes": [{"nodes": [0, len(nodes)]}],
        "nodes": [*nodes, {"name": avatar.name, "mesh": 0, "skin": 0}],
        "meshes": [{"name": avatar.name, "primitives": [primitive]}],
        "skins": [_skin(avatar, buffer)],
        "materials": [_material()],
        "bufferViews": buffer.views,
        "accessors": buffer.accessors,
        "buffers": [{"byteLength": buffer.size}],
    }
    return _container(document, b"".join(buffer.chunks))


def _attributes(
    avatar: Avatar, normals: Float[np.ndarray, "V 3"], buffer: Buffer
) -> dict[str, int]:
    points = change_axes(avatar.vertices, GLTF_FROM_WORLD).astype("<f4")
    span = {"min": points.min(axis=0).tolist(), "max": points.max(axis=0).tolist()}
    joints, weights = strongest_influences(avatar.weights)
    turned = change_axes(normals, GLTF_FROM_WORLD).astype("<f4")
    vertex = {"target": ARRAY_BUFFER}
    return {
        "POSITION": buffer.add(points, "VEC3", **span, **vertex),
        "NORMAL": buffer.add(turned, "VEC3", **vertex),
        "COLOR_0": buffer.add(linear_rgba(avatar.colours), "VEC4", normalized=True, **vertex),
        "JOINTS_0": buffer.add(joints, "VEC4", **vertex),
        "WEIGHTS_0": buffer.add(weights, "VEC4", **vertex),
    }


def strongest_influences(
    weights: Float[np.ndarray, "V J"],
) -> tuple[UInt8[np.ndarray, "V 4"], Float[np.ndarray, "V 4"]]:
    """Return the nodes of the skin that move each vertex (`root` is 0), and their shares.

    Unused places name node 0 with share 0, as the validator asks.
    """
    weights = np.pad(weights, ((0, 0), (0, MAX_INFLUENCES)))  # for skeletons of fewer joints
    order = np.argsort(-weights, axis=1, kind="stable")[:, :MAX_INFLUENCES]
    shares = np.take_along_axis(weights, order, axis=1).astype(np.float64)
    shares /= shares.sum(axis=1, keepdims=True)
    return np.where(shares > 0, order + 1, 0).astype("u1"), shares.astype("<f4")


def linear_rgba(colours: UInt8[np.ndarray, "V 3"]) -> UInt16[np.ndarray, "V 4"]:
    """Return sRGB colours as opaque linear ones, 0 to 65535: eight bits would band in the dark.

    IEC 61966-2-1.
    """
    encoded = colours / 255
    linear = np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)
    opaque = np.ones((len(colours), 1))
    return (np.hstack([linear, opaque]) * 65535).round().astype("<u2")


def _nodes(avatar: Avatar) -> list[dict[str, Any]]:
    joints = change_axes(avatar.joints, GLTF_FROM_WORLD)
    places = np.vstack([np.zeros(3), joints])
    nodes: list[dict[str, Any]] = [{"name": name} for name in ("root", *avatar.joint_names)]
    for node, parent in enumerate(avatar.parents.tolist(), start=1):
        nodes[parent + 1].setdefault("children", []).append(node)
        nodes[node]["translation"] = (places[node] - places[parent + 1]).tolist()
    return nodes


def _skin(avatar: Avatar, buffer: Buffer) -> dict[str, Any]:
    joints = change_axes(avatar.joints, GLTF_FROM_WORLD)
    bind_from_world = np.tile(np.eye(4, dtype="<f4"), (len(joints) + 1, 1, 1))
    bind_from_world[1:, 3, :3] = -joints  # column-major: the translation is the last row here
    matrices = buffer.add(bind_from_world, "MAT4")
    skin_joints = list(range(len(bind_from_world)))
    return {"inverseBindMatrices": matrices, "skeleton": 0, "joints": skin_joints}


def _material() -> dict[str, Any]:
    surface = {"metallicFactor": 0.0, "roughnessFactor": ROUGHNESS}
    return {"name": "person", "pbrMetallicRoughness": surface, "doubleSided": False}


def _container(document: dict[str, Any], binary: bytes) -> bytes:
    text = _padded(json.dumps(document, separators=(",", ":")).encode(), b" ")
    length = 12 + 8 + len(text) + 8 + len(binary)
    return b"".join(
        [
            struct.pack("<4sII", b"glTF", 2, length),
            struct.pack("<II", len(text), JSON_CHUNK),
            text,
            struct.pack("<II", len(binary), BINARY_CHUNK),
            binary,
        ]
    )


def _padded(chunk: bytes, filler: bytes) -> bytes:
    return chunk + filler * (-len(chunk) % 4)
