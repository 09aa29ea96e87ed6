import * as tf from "@tensorflow/tfjs";
import { posteriorKL } from "../../../src/models/autoencoder_kl/autoencoder_kl.ts";
import { fromNCHW } from "../../../src/models/image_layout.ts";
import { assertGradients } from "../../runtime/engine/finite_differences.ts";
import { assertClose, fixture, noLeak, startTestEngine } from "../../support.ts";
import { take } from "../../tensor/parity.ts";

await startTestEngine();

Deno.test("posteriorKL() is what diffusers gives for each image", () =>
  noLeak(async () => {
    const recorded = JSON.parse(await Deno.readTextFile(fixture("posterior/posterior.json")));
    const kl = tf.tidy(() =>
      posteriorKL({
        mean: fromNCHW(tf.tensor4d(recorded.mean)),
        logvar: fromNCHW(tf.tensor4d(recorded.logvar)),
      })
    );
    const [values] = await take(kl);
    for (const [i, expected] of recorded.kl.entries()) {
      assertClose([values![i]!], [expected], { relative: 1e-6 });
    }
  }));

Deno.test("posteriorKL() is 0 for a standard normal distribution", async () => {
  const kl = tf.tidy(() => posteriorKL({ mean: tf.zeros([1, 2, 2, 3]), logvar: tf.zeros([1, 2, 2, 3]) }));
  const [values] = await take(kl);
  assertClose(values!, [0], { absolute: 0 });
});

Deno.test("posteriorKL(): gradients agree with finite differences", () =>
  assertGradients({
    shapes: [[2, 2, 3, 2], [2, 2, 3, 2]],
    f: (mean, logvar) => posteriorKL({ mean: mean!, logvar: logvar! }),
  }));
