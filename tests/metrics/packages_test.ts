import { readFileSync } from "node:fs";
import { cmmd } from "../../src/metrics/distances/cmmd.ts";
import { fid } from "../../src/metrics/distances/fid.ts";
import { kid } from "../../src/metrics/distances/kid.ts";
import { manifoldScores } from "../../src/metrics/distances/manifold.ts";
import type { Features } from "../../src/metrics/features/features.ts";
import { assertClose, fixture } from "../support.ts";

interface Recorded {
  name: string;
  d: number;
  k: number;
  generated: number[];
  reference: number[];
  fid: Record<string, number>;
  kid: Record<string, number>;
  prdc: Record<"precision" | "recall" | "density" | "coverage", number>;
  cmmd: number;
}

const cases: Recorded[] = JSON.parse(readFileSync(fixture("evaluation/packages.json"), "utf8"));

function matrix(values: number[], d: number): Features {
  return { n: values.length / d, d, data: Float32Array.from(values) };
}

for (const recorded of cases) {
  const { name, d, k } = recorded;
  const generated = matrix(recorded.generated, d), reference = matrix(recorded.reference, d);

  for (const [tool, expected] of Object.entries(recorded.fid)) {
    Deno.test(`fid() agrees with ${tool} on the same features: ${name}`, () => {
      assertClose([fid(generated, reference).value], [expected], { relative: 1e-6 });
    });
  }

  for (const [tool, expected] of Object.entries(recorded.kid)) {
    Deno.test(`kid() agrees with ${tool} on the same features: ${name}`, () => {
      assertClose([kid(generated, reference).value], [expected], { relative: 1e-6 });
    });
  }

  Deno.test(`manifoldScores() agrees with prdc on the same features: ${name}`, () => {
    const scores = manifoldScores(generated, reference, { k });
    for (const key of ["precision", "recall", "density", "coverage"] as const) {
      assertClose([scores[key].value], [recorded.prdc[key]], { absolute: 1e-9 });
    }
  });

  Deno.test(`cmmd() agrees with the paper's formulas in numpy: ${name}`, () => {
    assertClose([cmmd(generated, reference).value], [recorded.cmmd], { relative: 1e-5 });
  });
}
