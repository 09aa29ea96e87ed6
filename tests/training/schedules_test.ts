import assert from "node:assert/strict";
import { learningRate, type LearningRateSchedule } from "../../src/training/schedules.ts";
import { assertClose } from "../support.ts";

const rates = (schedule: LearningRateSchedule, steps: number) =>
  Array.from({ length: steps }, (_, i) => learningRate(schedule, i + 1, steps));

Deno.test("learningRate() without warm-up is constant", () => {
  assert.deepEqual(rates({ lr: 0.5, warmupSteps: 0, schedule: "constant" }, 3), [0.5, 0.5, 0.5]);
});

Deno.test("learningRate() rises in equal steps and reaches its peak at the last one of the warm-up", () => {
  for (const schedule of ["constant", "cosine", "linear"] as const) {
    assertClose(rates({ lr: 0.8, warmupSteps: 4, schedule }, 12).slice(0, 4), [0.2, 0.4, 0.6, 0.8], {
      absolute: 1e-12,
    });
  }
});

Deno.test("learningRate(): linear and cosine fall from the peak to 0 at the last step", () => {
  const linear = rates({ lr: 1, warmupSteps: 2, schedule: "linear" }, 6);
  assertClose(linear.slice(2), [0.75, 0.5, 0.25, 0], { absolute: 1e-12 });
  const cosine = rates({ lr: 1, warmupSteps: 2, schedule: "cosine" }, 6);
  assertClose(cosine.slice(2), [(1 + Math.SQRT1_2) / 2, 0.5, (1 - Math.SQRT1_2) / 2, 0], { absolute: 1e-12 });
});

Deno.test("learningRate() stays within 0 and the peak, also past the end and where all is warm-up", () => {
  for (const schedule of ["constant", "cosine", "linear"] as const) {
    for (const warmupSteps of [0, 3, 10, 40]) {
      for (let step = 1; step <= 15; step++) {
        const rate = learningRate({ lr: 2, warmupSteps, schedule }, step, 10);
        assert.ok(rate >= 0 && rate <= 2, `${schedule}, warm-up ${warmupSteps}, step ${step}: ${rate}`);
      }
    }
  }
});
