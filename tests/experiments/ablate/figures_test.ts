import assert from "node:assert/strict";
import { armFigure, differenceFigure } from "../../../src/experiments/ablate/figures.ts";
import type { ArmScore } from "../../../src/experiments/ablate/summary.ts";

const variant = { name: "ddim" as const, steps: 10, guidance_scale: 1 };
const fid = (
  arm: string,
  value: number,
  compared?: [value: number, low: number, high: number],
): ArmScore => ({
  arm,
  variant,
  score: "fid",
  value,
  ci: [value - 1, value + 2],
  seeds: 1,
  floor: 3.14159,
  n: 200,
  comparisons: compared
    ? [{
      reference: "untuned",
      difference: { value: compared[0], ci: [compared[1], compared[2]], seeds: 1 },
      relative: null,
    }]
    : [],
});
const scores = [fid("untuned", 9), fid("ADT", 7, [-2, -3, -1])];
const other = { ...fid("ADT", 50), variant: { ...variant, steps: 5 } };

Deno.test("armFigure() shows each arm with its interval, and the floor, in one way to sample", () => {
  const { data: [bars], layout } = armFigure([...scores, other], "fid");
  assert.deepEqual([bars!.y, bars!.x], [["untuned", "ADT"], [9, 7]]);
  const { array, arrayminus } = bars!.error_x as { array: number[]; arrayminus: number[] };
  assert.deepEqual([array, arrayminus], [[2, 2], [1, 1]]);
  const [line] = layout.shapes as { x0: number; x1: number }[];
  const [name] = layout.annotations as { text: string }[];
  assert.deepEqual([line!.x0, line!.x1, name!.text], [3.14159, 3.14159, "floor 3.14"]);
  assert.equal((layout.title as { text: string }).text, "FID of 200 images, lower is better");
});

Deno.test("armFigure() of a score without a floor has no line", () => {
  assert.equal(
    armFigure(scores.map((one) => ({ ...one, floor: undefined })), "fid").layout.shapes,
    undefined,
  );
});

Deno.test("differenceFigure() shows paired differences of the arms that are compared", () => {
  const { data: [bars], layout } = differenceFigure(scores, "fid", "untuned");
  assert.deepEqual([bars!.y, bars!.x], [["ADT"], [-2]]);
  assert.deepEqual((bars!.error_x as { array: number[] }).array, [1]);
  assert.equal((layout.shapes as { x0: number }[])[0]!.x0, 0);
});

Deno.test("figures of scores that are not there say which are", () => {
  assert.throws(() => armFigure(scores, "kid"), /no arm has a score "kid" yet; there are: fid/);
  assert.throws(() => armFigure([], "fid"), /there are: none/);
  assert.throws(() => differenceFigure(scores, "fid", "ADT"), /references: \["ADT"\]/);
});
