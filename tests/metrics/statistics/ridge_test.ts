import assert from "node:assert/strict";
import { ridgeRegression } from "../../../src/metrics/statistics/ridge.ts";
import { normal } from "../../../src/runtime/random.ts";
import { assertClose } from "../../support.ts";

const random = (sample: number, n: number) =>
  Float64Array.from(normal({ seed: 5, purpose: "test", step: 0, sample }, n));

Deno.test("ridgeRegression() of one feature is the closed form: Σzy / (n + λ) of the standardised feature", () => {
  const n = 20, x = random(0, n).map((value) => 7 * value + 3), y = random(1, n);
  const centre = (values: Float64Array) => values.reduce((sum, value) => sum + value, 0) / n;
  const mean = centre(x), target = centre(y);
  const deviation = Math.sqrt(centre(x.map((value) => (value - mean) ** 2)));
  for (const lambda of [0, 2.5, 1000]) {
    const moment = x.reduce((sum, value, i) => sum + (value - mean) / deviation * (y[i]! - target), 0);
    const slope = moment / (n + lambda) / deviation;
    const { weight, bias } = ridgeRegression({ n, d: 1, data: x }, { n, d: 1, data: y })(lambda);
    assertClose([weight[0]!, bias[0]!], [slope, target - slope * mean], { relative: 1e-12 });
  }
});

Deno.test("ridgeRegression() solves the normal equations of several features, in whatever units they are", () => {
  const n = 30, f = 4, d = 3, lambda = 6, x = random(2, n * f), y = { n, d, data: random(3, n * d) };
  const { weight, bias } = ridgeRegression({ n, d: f, data: x }, y)(lambda);
  const means = Array.from(
    { length: f },
    (_, k) => x.reduce((sum, v, at) => sum + (at % f === k ? v : 0), 0) / n,
  );
  for (let k = 0; k < f; k++) {
    let variance = 0;
    for (let i = 0; i < n; i++) variance += (x[i * f + k]! - means[k]!) ** 2 / n;
    for (let j = 0; j < d; j++) { // Σ (x_k - mean) · residual = λ s² w
      let moment = 0;
      for (let i = 0; i < n; i++) {
        let residual = y.data[i * d + j]! - bias[j]!;
        for (let l = 0; l < f; l++) residual -= weight[j * f + l]! * x[i * f + l]!;
        moment += (x[i * f + k]! - means[k]!) * residual;
      }
      assertClose([moment], [lambda * variance * weight[j * f + k]!], { absolute: 1e-10 });
    }
  }
  const larger = ridgeRegression(
    { n, d: f, data: x.map((value, at) => at % f === 1 ? 1000 * value : value) },
    y,
  );
  const rescaled = larger(lambda).weight.map((value, at) => at % f === 1 ? 1000 * value : value);
  assertClose(rescaled, weight, { relative: 1e-9 });
});

Deno.test("ridgeRegression() gives a constant feature no weight", () => {
  const n = 6,
    x = Float64Array.from({ length: 2 * n }, (_, at) => at % 2 ? 9 : at),
    y = { n, d: 1, data: random(4, n) };
  const { weight, bias } = ridgeRegression({ n, d: 2, data: x }, y)(1);
  assert.equal(weight[1], 0);
  assert.ok(weight[0] !== 0 && Number.isFinite(bias[0]!));
});
