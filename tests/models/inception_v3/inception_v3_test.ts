import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { join } from "node:path";
import { fid } from "../../../src/metrics/distances/fid.ts";
import { extractFeatures } from "../../../src/metrics/features/extract_features.ts";
import { folderImages } from "../../../src/metrics/features/folder_images.ts";
import { loadFeatureNetwork } from "../../../src/metrics/features/networks.ts";
import { inceptionV3 } from "../../../src/models/inception_v3/inception_v3.ts";
import { loadInceptionV3 } from "../../../src/models/inception_v3/load.ts";
import { checkpointShape } from "../../../src/weights/layout.ts";
import { readTensors, writeTensors } from "../../../src/weights/safetensors.ts";
import { assertClose, fixture, startTestEngine } from "../../support.ts";
import { inTempFolder } from "../../weights/support.ts";

await startTestEngine();

/** pytorch-fid's checkpoint has these besides what the features need. */
const CLASSIFIER = { "fc.weight": [1008, 2048], "fc.bias": [1008] };

/** Names and shapes of a checkpoint. */
function checkpointShapes(): Record<string, readonly number[]> {
  const features = Object.entries(inceptionV3().declarations).map(([name, { shape }]) =>
    [name, checkpointShape(shape)] as const
  );
  return { ...Object.fromEntries(features), ...CLASSIFIER };
}

/** The weights that make_evaluation_fixtures.py gave to PyTorch: a hash of their names and positions. */
function hashedWeights(name: string, shape: readonly number[]): Float32Array<ArrayBuffer> {
  let seed = 2166136261;
  for (const byte of new TextEncoder().encode(name)) seed = Math.imul(seed ^ byte, 16777619);
  const size = tf.util.sizeFromShape([...shape]), out = new Float32Array(size);
  const bound = Math.sqrt(6 / tf.util.sizeFromShape(shape.slice(1)));
  for (let i = 0; i < size; i++) {
    let x = (Math.imul(i, 2654435761) + seed) | 0;
    x = Math.imul(x ^ x >>> 16, 0x85ebca6b);
    x = Math.imul(x ^ x >>> 13, 0xc2b2ae35);
    const u = 2 * ((x ^ x >>> 16) >>> 0) / 2 ** 32 - 1;
    if (name.endsWith("conv.weight")) out[i] = u * bound;
    else out[i] = /bn\.(weight|running_var)$/.test(name) ? 1 + 0.3 * u : 0.1 * u;
  }
  return out;
}

async function writeCheckpoint(folder: string): Promise<void> {
  const tensors = Object.entries(checkpointShapes()).map(([name, shape]) =>
    [name, { shape, data: hashedWeights(name, shape) }] as const
  );
  await writeTensors(join(folder, "model.safetensors"), Object.fromEntries(tensors));
}

Deno.test("inceptionV3() declares the weights of pytorch-fid's checkpoint by name and shape", async () => {
  const recorded = JSON.parse(await Deno.readTextFile(fixture("evaluation/inception_names.json")));
  const shapes = Object.entries(checkpointShapes());
  assert.equal(shapes.length, recorded.weights);
  const lines = shapes.map(([name, shape]) => `${name} ${shape}`).sort().join("\n");
  assert.equal(createHash("sha256").update(lines).digest("hex"), recorded.sha256);
});

Deno.test("images of any size have pytorch-fid's features on clean-fid's resize, and clean-fid's FID", () =>
  inTempFolder(async (folder) => {
    await writeCheckpoint(folder);
    const recorded = await readTensors(fixture("evaluation/inception.safetensors"));
    const network = await loadFeatureNetwork("inception", folder);
    const featuresOf = async (name: string) => {
      const { source } = await folderImages(fixture(`evaluation/${name}`));
      return await extractFeatures(network.features, source(network.preparation), { batchSize: 4 });
    };
    const a = await featuresOf("a"), b = await featuresOf("b");
    network.dispose();
    assertClose(a.data, recorded.features_a!.data, { relative: 1e-4 });
    assertClose(b.data, recorded.features_b!.data, { relative: 1e-4 });
    assertClose([fid(a, b, { groups: 2 }).value], recorded.fid!.data, { relative: 1e-4 });
  }));

Deno.test("loadInceptionV3() says how to make the weights where there are none", () =>
  inTempFolder(async (folder) => {
    const advice = /Download pt_inception-2015-12-05-6726825d\.pth .*save_file\(torch\.load/s;
    await assert.rejects(loadInceptionV3(folder), advice);
    await assert.rejects(loadInceptionV3(join(folder, "none")), advice);
    await writeTensors(join(folder, "model.safetensors"), {
      "fc.bias": { shape: [2], data: new Float32Array(2) },
    });
    await assert.rejects(loadInceptionV3(folder), /missing:\n {2}Conv2d_1a_3x3\.conv\.weight \[32,3,3,3\]/);
  }));
