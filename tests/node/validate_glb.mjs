// validate_glb.mjs FILE...: print what the Khronos validator says; exit 1 on an error or warning.
import fs from 'node:fs';
import validator from 'gltf-validator';

let failed = process.argv.length < 3;
for (const file of process.argv.slice(2)) {
  const { issues, info } = await validator.validateBytes(new Uint8Array(fs.readFileSync(file)), { maxIssues: 100 });
  const { numErrors, numWarnings, numInfos, messages } = issues;
  console.log(`${file}: ${numErrors} errors, ${numWarnings} warnings, ${numInfos} infos;`,
    `${info.totalVertexCount} vertices, ${info.totalTriangleCount} triangles, ${info.maxInfluences} influences`);
  for (const { severity, code, pointer, message } of messages) console.log(' ', 'EWIH'[severity], code, pointer, message);
  failed ||= numErrors + numWarnings > 0;
}
process.exit(failed ? 1 : 0);
