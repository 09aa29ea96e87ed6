import { readFileSync } from "node:fs";
import { fid } from "../../src/metrics/distances/fid.ts";
import { polynomialMmd } from "../../src/metrics/distances/kid.ts";
import { manifoldScores } from "../../src/metrics/distances/manifold.ts";
import { nearestDistances } from "../../src/metrics/distances/nearest.ts";
import type { Features } from "../../src/metrics/features/features.ts";
import { assertClose, fixture } from "../support.ts";

interface Recorded {
  name: string;
  d: number;
  k: number;
  generated: number[];
  reference: number[];
  fid: number;
  mmd: number;
  mmd_variance: number;
  nearest: number[];
  precision: number;
  recall: number;
  density: number;
  coverage: number;
}

const cases: Recorded[] = JSON.parse(readFileSync(fixture("metrics/scores.json"), "utf8"));

function matrix(values: number[], d: number): Features {
  return { n: values.length / d, d, data: Float32Array.from(values) };
}

for (const recorded of cases) {
  const generated = matrix(recorded.generated, recorded.d),
    reference = matrix(recorded.reference, recorded.d);

  Deno.test(`fid() agrees with scipy's matrix square root: ${recorded.name}`, () => {
    assertClose([fid(generated, reference).value], [recorded.fid], { relative: 1e-7 });
  });

  Deno.test(`polynomialMmd() agrees with numpy's kernel matrices: ${recorded.name}`, () => {
    const { value, variance } = polynomialMmd(generated, reference);
    assertClose([value], [recorded.mmd], { relative: 1e-10 });
    assertClose([variance], [recorded.mmd_variance], { relative: 1e-8 });
  });

  Deno.test(`manifoldScores() agrees with the papers' definitions in numpy: ${recorded.name}`, () => {
    const { precision, recall, density, coverage } = manifoldScores(generated, reference, { k: recorded.k });
    assertClose(
      [precision.value, recall.value, density.value, coverage.value],
      [recorded.precision, recorded.recall, recorded.density, recorded.coverage],
      { absolute: 1e-12 },
    );
  });

  Deno.test(`nearestDistances() agrees with numpy: ${recorded.name}`, () => {
    assertClose(nearestDistances(generated, reference), recorded.nearest, { relative: 1e-7 });
  });
}
