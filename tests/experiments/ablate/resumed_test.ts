import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { ablate } from "../../../src/experiments/ablate/ablate.ts";
import { withGoldenTuning } from "../tune/golden.ts";

Deno.test("ablate() with one of two trainings left gives it the share of the cores that it had beside the other", () =>
  withGoldenTuning("digits-diffusion-only", async (config) => {
    const base = { ...config, train: { ...config.train, steps: 2, batch_size: 16 } };
    const study = { base, arms: { a: {}, b: {} }, output: join(dirname(config.output), "study") };
    const { finished } = await ablate(study, { processes: 2 });
    const [a, b] = finished.map(({ weights }) => join(weights, "diffusion_pytorch_model.safetensors"));
    const whole = await Deno.readFile(b!);
    assert.deepEqual(await Deno.readFile(a!), whole);
    await Deno.remove(finished[1]!.run.config.output, { recursive: true });
    await ablate(study, { processes: 2 });
    assert.deepEqual(await Deno.readFile(b!), whole);
  }));
