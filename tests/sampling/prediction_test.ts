import * as tf from "@tensorflow/tfjs";
import { convertPrediction, diffuse, predictionTarget } from "../../src/sampling/prediction.ts";
import type { PredictionType } from "../../src/sampling/denoiser.ts";
import { assertClose, noLeak, startTestEngine } from "../support.ts";

Deno.test("predictionTarget() is what convertPrediction() turns back into x0", {
  sanitizeOps: false,
  sanitizeResources: false,
}, async () => {
  await startTestEngine();
  await noLeak(() => {
    const x0 = tf.randomNormal([2, 2, 2, 1], 0, 1, "float32", 1),
      epsilon = tf.randomNormal([2, 2, 2, 1], 0, 1, "float32", 2);
    const levels = [[0.8, 0.6], [0.28, 0.96]] as const;
    const alpha = tf.tensor4d(levels.map(([a]) => a), [2, 1, 1, 1]),
      sigma = tf.tensor4d(levels.map(([, s]) => s), [2, 1, 1, 1]);
    const x = diffuse(x0, epsilon, alpha, sigma);
    for (const type of ["epsilon", "v_prediction", "sample", "flow"] satisfies PredictionType[]) {
      const m = predictionTarget(type, x0, epsilon, alpha, sigma);
      const recovered = tf.tidy(() =>
        tf.concat(levels.map(([a, s], i) => {
          const form = convertPrediction(type, "sample", a, s);
          return diffuse(x.slice(i, 1), m.slice(i, 1), form.x, form.m);
        }))
      );
      assertClose(recovered, x0, { relative: 1e-5 });
      tf.dispose([m, recovered]);
    }
    tf.dispose([x0, epsilon, alpha, sigma, x]);
  });
});
