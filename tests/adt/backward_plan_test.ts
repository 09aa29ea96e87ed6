import assert from "node:assert/strict";
import { drawPlan, type PlanSettings } from "../../src/adt/backward_plan.ts";
import { drawStarts } from "../../src/adt/roll_out.ts";
import { ddim } from "../../src/sampling/ddim.ts";
import { heun } from "../../src/sampling/heun.ts";

const SETTINGS: PlanSettings[] = [{ kind: "full" }, { kind: "truncated", steps: 3 }, {
  kind: "stop-input",
  steps: 3,
}];
const trained = (settings: PlanSettings, from: number, to: number, step = 1) =>
  drawPlan(settings, { from, to }, { seed: 5, step }).trained;

for (const settings of SETTINGS) {
  Deno.test(`drawPlan(): a ${settings.kind} plan is plain data, and the same for the same seed and step`, () => {
    const draw = (step: number) => drawPlan(settings, { from: 2, to: 12 }, { seed: 5, step });
    for (let step = 1; step <= 20; step++) {
      const plan = draw(step);
      assert.deepEqual(draw(step), plan);
      assert.deepEqual(JSON.parse(JSON.stringify(plan)), plan);
      assert.deepEqual([plan.kind, plan.from, plan.to], [settings.kind, 2, 12]);
    }
  });

  Deno.test(`drawPlan(): a ${settings.kind} plan's steps ascend within the roll-out`, () => {
    for (let step = 0; step < 50; step++) {
      const steps = trained(settings, 4, 11, step);
      assert.ok(
        steps.every((i, k) => Number.isInteger(i) && i >= 4 && i < 11 && (k === 0 || i > steps[k - 1]!)),
      );
      assert.equal(steps.length, settings.kind === "full" ? 7 : 3);
    }
  });
}

Deno.test("drawPlan(): full trains every step, truncated the last ones", () => {
  assert.deepEqual(trained({ kind: "full" }, 3, 7), [3, 4, 5, 6]);
  assert.deepEqual(trained({ kind: "truncated", steps: 2 }, 3, 7), [5, 6]);
});

Deno.test("drawPlan(): stop-input spaces its steps evenly, with an offset that changes", () => {
  const offsets = new Set<number>();
  for (let step = 0; step < 40; step++) {
    const steps = trained({ kind: "stop-input", steps: 4 }, 10, 30, step);
    assert.deepEqual(steps, [0, 5, 10, 15].map((i) => steps[0]! + i));
    offsets.add(steps[0]!);
  }
  assert.deepEqual([...offsets].sort((a, b) => a - b), [10, 11, 12, 13, 14]);
});

Deno.test("drawPlan(): stop-input spacings differ by at most one where K does not divide the path", () => {
  for (let step = 0; step < 40; step++) {
    const steps = trained({ kind: "stop-input", steps: 4 }, 0, 10, step);
    const gaps = steps.slice(1).map((i, k) => i - steps[k]!);
    assert.ok(gaps.every((gap) => gap === 2 || gap === 3), `${steps}`);
  }
});

Deno.test("drawPlan(): over time stop-input trains every step equally often", () => {
  const counts = new Array<number>(10).fill(0), draws = 2000;
  for (let step = 0; step < draws; step++) {
    for (const i of trained({ kind: "stop-input", steps: 3 }, 0, 10, step)) counts[i]!++;
  }
  // each with probability 3/10; five standard deviations of the count
  assert.ok(
    counts.every((count) => Math.abs(count - 0.3 * draws) < 5 * Math.sqrt(draws * 0.3 * 0.7)),
    `${counts}`,
  );
});

Deno.test("drawPlan(): a roll-out of no more than K steps trains them all", () => {
  for (const kind of ["truncated", "stop-input"] as const) {
    assert.deepEqual(trained({ kind, steps: 9 }, 7, 10), [7, 8, 9]);
    assert.deepEqual(trained({ kind, steps: 3 }, 7, 10), [7, 8, 9]);
    assert.deepEqual(trained({ kind, steps: 2 }, 9, 10), [9]);
  }
});

Deno.test("drawPlan() refuses to train no step", () => {
  for (const steps of [0, -1, 1.5]) {
    for (const kind of ["truncated", "stop-input"] as const) {
      assert.throws(() => trained({ kind, steps }, 0, 5), {
        name: "RangeError",
        message: /trains 1 or more steps/,
      });
    }
  }
});

Deno.test("drawStarts() are 0 without image-to-image starts", () => {
  assert.deepEqual(drawStarts(ddim({}, 5), false, 3, { seed: 1, step: 7 }), [0, 0, 0]);
});

for (const groups of [1, 2, 4]) {
  Deno.test(`drawStarts(): ${groups} groups share the grid out and draw all its steps equally often`, () => {
    const sampler = ddim({}, 10), counts = new Array(10).fill(0);
    for (let step = 0; step < 1000; step++) {
      for (const [group, start] of drawStarts(sampler, true, groups, { seed: 1, step }).entries()) {
        assert.ok(start >= Math.floor(group / groups * 10) && start < (group + 1) / groups * 10);
        counts[start]++;
      }
    }
    const expected = 100 * groups;
    assert.ok(counts.every((count) => Math.abs(count - expected) < 5 * Math.sqrt(expected)), `${counts}`);
  });
}

Deno.test("drawStarts() draws only calls at which a path of the sampler may start", () => {
  const sampler = heun({}, 4), drawn = new Set<number>();
  for (let step = 0; step < 100; step++) {
    for (const start of drawStarts(sampler, true, 2, { seed: 1, step })) drawn.add(start);
  }
  assert.deepEqual([...drawn].sort(), [0, 2, 4, 6]);
});
