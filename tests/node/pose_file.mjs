// pose_file.mjs FILE POSE OUT: skinned vertices as three.js shows a .glb or .fbx file in a pose.
// POSE: JSON, bone -> rotation (3x3, rows) relative to its parent and to rest, in the file's axes.
// OUT: float32, 3 per vertex, then the linear colours, 3 per vertex.
import fs from 'node:fs';
import * as THREE from 'three';
import { FBXLoader } from 'three/examples/jsm/loaders/FBXLoader.js';
import { GLTFLoader } from 'three/examples/jsm/loaders/GLTFLoader.js';

globalThis.self = globalThis.window = globalThis; // the loaders expect a browser
globalThis.ProgressEvent = class {};

const [file, poseFile, out] = process.argv.slice(2);
const bytes = fs.readFileSync(file);
const buffer = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength);
const scene = file.endsWith('.fbx')
  ? new FBXLoader().parse(buffer, '')
  : await new Promise((done, fail) => new GLTFLoader().parse(buffer, '', ({ scene }) => done(scene), fail));
scene.updateMatrixWorld(true);

const meshes = [];
scene.traverse((thing) => { if (thing.isSkinnedMesh) meshes.push(thing); });
const [mesh] = meshes;
const rest = new Map(mesh.skeleton.bones.map((bone) => [bone, bone.getWorldQuaternion(new THREE.Quaternion())]));
for (const [name, rows] of Object.entries(JSON.parse(fs.readFileSync(poseFile)))) {
  const bone = mesh.skeleton.getBoneByName(name);
  const turn = new THREE.Quaternion().setFromRotationMatrix(
    new THREE.Matrix4().setFromMatrix3(new THREE.Matrix3(...rows.flat())));
  const axes = rest.get(bone);
  bone.quaternion.multiply(axes.clone().invert().multiply(turn).multiply(axes));
}
scene.updateMatrixWorld(true);
mesh.skeleton.update();

const { position, color } = mesh.geometry.attributes;
const result = new Float32Array(6 * position.count);
const vector = new THREE.Vector3();
for (let i = 0; i < position.count; i++) {
  mesh.applyBoneTransform(i, vector.fromBufferAttribute(position, i));
  vector.applyMatrix4(mesh.matrixWorld).toArray(result, 3 * i);
  vector.fromBufferAttribute(color, i).toArray(result, 3 * (position.count + i));
}
fs.writeFileSync(out, Buffer.from(result.buffer));
console.log(`${meshes.length} skinned mesh, ${mesh.skeleton.bones.length} bones, ${position.count} vertices, `
  + `vertex colours ${mesh.material.vertexColors}, base colour ${mesh.material.color.getHexString()}`);
