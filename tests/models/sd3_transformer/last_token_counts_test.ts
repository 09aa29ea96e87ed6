// One text token that counts n times against n equal ones: the same function, so the same output and the same gradients.
import * as tf from "@tensorflow/tfjs";
import { initParams } from "../../../src/nn/declare.ts";
import { sd3Denoiser } from "../../../src/models/sd3_transformer/denoiser.ts";
import { sd3Transformer2D } from "../../../src/models/sd3_transformer/sd3_transformer.ts";
import { checkpointingBlocks } from "../../../src/nn/checkpointing.ts";
import type { ComputePrecision } from "../../../src/runtime/precision.ts";
import { onTensorflow } from "../../../src/runtime/tensorflow/backend.ts";
import { guided } from "../../../src/sampling/guidance.ts";
import { compile } from "../../../src/tensor/compile.ts";
import { vjp } from "../../../src/tensor/vjp.ts";
import { assertClose, noLeak, startTestEngine } from "../../support.ts";
import { assertSameFunction, random, take } from "../../tensor/parity.ts";
import { spelledOut } from "./spelled_out.ts";
import { tiny } from "./tiny.ts";

await startTestEngine();

const model = sd3Transformer2D({ ...tiny, num_layers: 3 });

/** All weights but the queries of the last block's text tokens, which nothing reads. */
const NAMES = Object.keys(model.declarations).filter((name) =>
  !/^transformer_blocks\.2\.attn\.(add_q_proj|norm_added_q)/.test(name)
);
const denoiser = sd3Denoiser(model);

type Function = (...xs: tf.Tensor[]) => tf.Tensor;

/** Latents, text tokens, pooled text, and the weights in the order of their names. */
function inputs(): tf.Tensor[] {
  const params = initParams(model.declarations, 1);
  for (const [name, x] of Object.entries(params)) if (!NAMES.includes(name)) x.dispose();
  return [
    random([2, 4, 6, 3]),
    random([2, 3, 5], 1),
    random([2, 6], 2),
    ...NAMES.map((name) => params[name]!),
  ];
}

/** Calls the network with what `inputs` gives; `change` makes the condition of the text. */
const calling =
  (change: (condition: Record<string, tf.Tensor>) => Record<string, tf.Tensor>): Function =>
  (x, encoder_hidden_states, pooled_projections, ...weights) => {
    const params = Object.fromEntries(NAMES.map((name, i) => [name, weights[i]!]));
    const condition = {
      encoder_hidden_states: encoder_hidden_states!,
      pooled_projections: pooled_projections!,
    };
    return denoiser.forward(params, x!, tf.tensor1d([500, 20]), change(condition));
  };

const counted = (counts: number[]) =>
  calling((condition) => ({ ...condition, last_token_counts: tf.tensor1d(counts) }));

const spelled = (n: number) =>
  calling((condition) => spelledOut({ ...condition, last_token_counts: tf.scalar(n) }, n));

for (const n of [1, 7, 256]) {
  // float32 adds up what each of the equal tokens gives
  const tolerance = { relative: 1e-5, absolute: 1e-6 + 2e-8 * n };
  Deno.test(`a last text token that counts ${n} times has the output and all gradients of ${n} equal ones`, () =>
    noLeak(() => assertSameFunction(counted([n, n]), spelled(n), inputs(), tolerance)));
}

Deno.test("without counts the last text token is there once", () =>
  noLeak(() => assertSameFunction(calling((condition) => condition), counted([1, 1]), inputs())));

Deno.test("each sample has a count of its own", () =>
  noLeak(async () => {
    const xs = inputs(), row = (y: tf.Tensor, i: number) => y.slice([i], [1]);
    const [both, first, second] = await take(...tf.tidy(() => [
      counted([40, 3])(...xs),
      row(spelled(40)(...xs), 0),
      row(spelled(3)(...xs), 1),
    ]));
    assertClose(both!, [...first!, ...second!], { relative: 1e-5 });
    tf.dispose(xs);
  }));

Deno.test("with its blocks checkpointed, a token that counts has the same gradients", () =>
  noLeak(() => {
    const f = counted([40, 3]);
    return assertSameFunction((...xs) => checkpointingBlocks(() => f(...xs)), f, inputs());
  }));

/** Value and gradients by a compiled function. */
async function compiled(f: Function, xs: tf.Tensor[], precision: ComputePrecision): Promise<Float32Array[]> {
  const run = compile((xs: tf.Tensor[]) => vjp(f, xs, (y) => random(y.shape, 999)), { precision });
  const { value, grads } = run(xs);
  run.dispose();
  return await take(value, ...grads);
}

for (const [precision, relative] of [["float32", 1e-5], ["bfloat16", 0.05]] as const) {
  Deno.test({
    name: `compiled in ${precision}, a token that counts has the output and all gradients of equal ones`,
    ignore: precision !== "float32" && !onTensorflow(),
    fn: () =>
      noLeak(async () => {
        const xs = inputs(), results = await compiled(counted([40, 40]), xs, precision);
        (await compiled(spelled(40), xs, "float32")).forEach((expected, i) =>
          assertClose(results[i]!, expected, { relative, absolute: relative / 10 })
        );
        tf.dispose(xs);
      }),
  });
}

Deno.test("guided() takes counts of the condition and of the null condition, batch 1", () =>
  noLeak(() => {
    const params = initParams(model.declarations, 1);
    tf.tidy(() => {
      const condition = (batch: number, sample: number) => ({
        encoder_hidden_states: random([batch, 3, 5], sample),
        pooled_projections: random([batch, 6], sample),
        last_token_counts: tf.fill([batch], 9),
      });
      const x = random([2, 4, 6, 3]),
        t = tf.tensor1d([500, 20]),
        given = condition(2, 1),
        none = condition(1, 2);
      const output = guided(denoiser, 3, none).forward(params, x, t, given);
      const expected = guided(denoiser, 3, spelledOut(none, 9)).forward(params, x, t, spelledOut(given, 9));
      assertClose(output, expected, { relative: 1e-5 });
    });
    tf.dispose(params);
  }));
