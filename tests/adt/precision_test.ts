// The gradient that tuning follows, computed with products in a low type, against float32's: on the bundled digits model.
import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { adtFunctions } from "../../src/adt/functions.ts";
import { adversarialGradient } from "../../src/adt/adversarial_gradient.ts";
import { loadConfig } from "../../src/experiments/config/config.ts";
import { type TuneConfig, tuneSchema } from "../../src/experiments/tune/config.ts";
import { prepareTuning } from "../../src/experiments/tune/setup.ts";
import type { ComputePrecision } from "../../src/runtime/precision.ts";
import { startEngine } from "../../src/runtime/engine/engine.ts";
import { startTestEngine } from "../support.ts";
import { take } from "../tensor/parity.ts";

await startTestEngine();

const PLANS: TuneConfig["adt"]["plan"][] = [
  { kind: "stop-input", steps: 3 },
  { kind: "truncated", steps: 2 },
  { kind: "full" },
];

/** The adversarial gradient of the first update after the head start, and the diffusion loss's. */
async function gradients(plan: TuneConfig["adt"]["plan"], precision: ComputePrecision) {
  const file = fileURLToPath(new URL("../../data/configs/digits-adt.yaml", import.meta.url));
  const config = await loadConfig(file, tuneSchema);
  await startEngine({ precision });
  const tuning = await prepareTuning({
    ...config,
    adt: { ...config.adt, plan },
    train: { ...config.train, batch_size: 8 },
  });
  const functions = adtFunctions(tuning.setup);
  try {
    const batch = await tuning.batch(31);
    const judged = await adversarialGradient(tuning.setup, functions, tuning.initial, batch, 31);
    tf.dispose([{ ...batch }, judged.images]);
    const [gradient] = await take(judged.gradient);
    return gradient!;
  } finally {
    functions.dispose();
    tuning.dispose();
    tf.dispose(tuning.initial);
    await startEngine({ precision: "float32" });
  }
}

/** Cosine of the angle between two vectors, and the length of their difference as a share of the first one's. */
function agreement(a: Float32Array, b: Float32Array): { cosine: number; error: number } {
  let aa = 0, bb = 0, ab = 0;
  a.forEach((x, i) => {
    aa += x * x;
    bb += b[i]! * b[i]!;
    ab += x * b[i]!;
  });
  return { cosine: ab / Math.sqrt(aa * bb), error: Math.sqrt(Math.max(0, aa + bb - 2 * ab) / aa) };
}

for (const plan of PLANS) {
  Deno.test(`the adversarial gradient of a ${plan.kind} plan is nearly the same in low precision`, async () => {
    const exact = await gradients(plan, "float32");
    for (const precision of ["bfloat16", "float16"] as const) {
      const { cosine, error } = agreement(exact, await gradients(plan, precision));
      assert.ok(cosine >= 0.999, `${precision}: cosine ${cosine}`);
      assert.ok(error <= 0.02, `${precision}: relative error ${error}`);
    }
  });
}
