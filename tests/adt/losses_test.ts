import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { ADVERSARIAL_LOSSES } from "../../src/adt/kinds.ts";
import { discriminatorLoss, generatorLoss, relativisticLoss, softplus } from "../../src/adt/losses.ts";
import { valueAndGrad } from "../../src/tensor/vjp.ts";
import { assertClose, noLeak, startTestEngine } from "../support.ts";

await startTestEngine();

Deno.test("softplus() does not overflow, and its gradient is the sigmoid, also at 0", async () => {
  await noLeak(() =>
    tf.tidy(() => {
      const x = [-80, -20, -1, 0, 1, 20, 1000];
      const { value, grads } = valueAndGrad((x) => softplus(x).sum(), [tf.tensor1d(x)]);
      assertClose(value, [
        x.map((v) => Math.max(v, 0) + Math.log1p(Math.exp(-Math.abs(v)))).reduce((a, b) => a + b),
      ], {
        relative: 1e-6,
      });
      assertClose(softplus(tf.tensor1d([-3])), [Math.log1p(Math.exp(-3))], { relative: 1e-5 });
      assertClose(grads[0]!, x.map((v) => 1 / (1 + Math.exp(-v))), { absolute: 1e-6 });
    })
  );
});

Deno.test("the losses have the papers' values", () => {
  tf.tidy(() => {
    const real = tf.tensor1d([0.5, 3]), fake = tf.tensor1d([-0.25, 1]);
    const is = (actual: tf.Tensor, expected: number) => assertClose(actual, [expected], { relative: 1e-6 });
    is(discriminatorLoss("hinge", real, fake), (0.5 + 0) / 2 + (0.75 + 2) / 2);
    is(generatorLoss("hinge", fake), -0.375);
    is(relativisticLoss("hinge", real.sub(fake)), (0.25 + 0) / 2);
    const log = (x: number) => Math.log(1 + Math.exp(x));
    is(discriminatorLoss("softplus", real, fake), (log(-0.5) + log(-3) + log(-0.25) + log(1)) / 2);
    is(generatorLoss("softplus", fake), (log(0.25) + log(-1)) / 2);
    is(relativisticLoss("softplus", real.sub(fake)), (log(-0.75) + log(-2)) / 2);
    is(discriminatorLoss("least_squares", real, fake), (0.5 ** 2 + 2 ** 2 + 0.75 ** 2 + 2 ** 2) / 4);
    is(generatorLoss("least_squares", fake), (1.25 ** 2 + 0 ** 2) / 4);
    is(relativisticLoss("least_squares", real.sub(fake)), (0.25 ** 2 + 1 ** 2) / 4);
  });
});

Deno.test("generatorLoss() pulls where the discriminator pushes", () => {
  tf.tidy(() => {
    const real = tf.tensor1d([0.1, -0.4]), fake = tf.tensor1d([-0.3, 0.2]);
    for (const loss of ADVERSARIAL_LOSSES) {
      const [pushReal, pushFake] = valueAndGrad((r, f) => discriminatorLoss(loss, r, f), [real, fake]).grads;
      const [pull] = valueAndGrad((f) => generatorLoss(loss, f), [fake]).grads;
      assert.ok(pushReal!.max().dataSync()[0]! < 0 && pushFake!.min().dataSync()[0]! > 0, loss);
      assert.ok(pull!.max().dataSync()[0]! < 0, loss);
    }
  });
});

Deno.test("relativisticLoss() gives equal logits half the pull of softplus, in both directions", () => {
  tf.tidy(() => {
    const { grads } = valueAndGrad((a, b) => relativisticLoss("softplus", a.sub(b)), [
      tf.tensor1d([2]),
      tf.tensor1d([2]),
    ]);
    assertClose(grads[0]!, [-0.5], { relative: 1e-6 });
    assertClose(grads[1]!, [0.5], { relative: 1e-6 });
  });
});
