import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { loraAdapter, mergeLora } from "../../src/lora/adapter.ts";
import { type Declarations, initParams } from "../../src/nn/declare.ts";
import { dequantised, quantise } from "../../src/nn/int8.ts";
import { conv2d, linear } from "../../src/nn/layers.ts";
import { onTensorflow } from "../../src/runtime/tensorflow/backend.ts";
import { storageOf } from "../../src/runtime/tensorflow/stored.ts";
import { DataType } from "../../src/runtime/tensorflow/tensors.ts";
import { compile } from "../../src/tensor/compile.ts";
import { vjp } from "../../src/tensor/vjp.ts";
import { assertClose, noLeak, numbers, startTestEngine } from "../support.ts";
import { random } from "../tensor/parity.ts";

await startTestEngine();

const LAYERS = [
  { name: "linear", x: [5, 12], layer: (d: Declarations) => linear(d, "fc", { in: 12, out: 7 }) },
  { name: "3×3", x: [2, 6, 6, 4], layer: (d: Declarations) => conv2d(d, "fc", { in: 4, out: 7, kernel: 3 }) },
  {
    name: "1×1",
    x: [2, 3, 3, 12],
    layer: (d: Declarations) => conv2d(d, "fc", { in: 12, out: 7, kernel: 1 }),
  },
] as const;

for (const { name, x: shape, layer: make } of LAYERS) {
  Deno.test(`quantise(): a ${name} layer's weight is whole numbers in bytes, wrong by half a step at most`, () =>
    noLeak(() => {
      const d: Declarations = {};
      make(d);
      const params = initParams(d, 3), exact = numbers(params["fc.weight"]!);
      quantise(params, "fc");
      const codes = numbers(params["fc.weight"]!), scale = numbers(params["fc.weight_scale"]!);
      assert.ok(Array.from(codes).every((code) => Number.isInteger(code) && Math.abs(code) <= 127));
      assert.equal(Math.max(...Array.from(codes, Math.abs)), 127);
      if (onTensorflow()) assert.equal(storageOf(params["fc.weight"]!), DataType.int8);
      const again = dequantised(params, "fc");
      assertClose(again, exact, { absolute: 0.501 * Math.max(...Array.from(scale)) });
      tf.dispose([params, again]);
    }));

  Deno.test(`a ${name} layer of int8 has the value and the gradient of its dequantised weight`, () =>
    noLeak(async () => {
      const d: Declarations = {}, layer = make(d), params = initParams(d, 3), x = random([...shape], 1);
      quantise(params, "fc");
      const plain = { "fc.weight": dequantised(params, "fc"), "fc.bias": params["fc.bias"]! };
      for (const [precision, relative] of [["float32", 2e-6], ["bfloat16", 0.02]] as const) {
        const run = compile(
          (params: Record<string, tf.Tensor>, x: tf.Tensor) => vjp((x) => layer(params, x!), [x], (y) => y),
          { precision },
        );
        const got = run(params, x), want = vjp((x) => layer(plain, x!), [x], (y) => y);
        assertClose(await got.value.data<"float32">(), want.value, { relative });
        assertClose(await got.grads[0]!.data<"float32">(), want.grads[0]!, { relative });
        tf.dispose([{ ...got }, { ...want }]);
        run.dispose();
      }
      tf.dispose([params, plain["fc.weight"], x]);
    }));
}

Deno.test("quantise(): a channel of zeros stays zeros", () =>
  noLeak(() => {
    const params = { "fc.weight": tf.tensor2d([[0, 0], [1, -2]]) };
    quantise(params, "fc");
    const again = dequantised(params, "fc");
    assertClose(again, [0, 0, 1, -2], { absolute: 0.008 });
    tf.dispose([params, again]);
  }));

Deno.test("mergeLora() into an int8 weight gives float32, and the scale is gone", () =>
  noLeak(() => {
    const d: Declarations = {};
    linear(d, "attn.to_q", { in: 8, out: 6 });
    const adapter = loraAdapter(d, { rank: 2 }), lora = initParams(adapter.declarations, 1);
    lora["attn.to_q.lora_B.weight"]!.dispose();
    lora["attn.to_q.lora_B.weight"] = random([6, 2], 5);
    const plain = initParams(d, 0), base = initParams(d, 0);
    quantise(base, "attn.to_q");
    const scale = Math.max(...Array.from(numbers(base["attn.to_q.weight_scale"]!)));
    mergeLora(base, { adapter, params: lora });
    mergeLora(plain, { adapter, params: lora });
    assert.deepEqual(Object.keys(base).sort(), Object.keys(plain).sort());
    assertClose(base["attn.to_q.weight"]!, plain["attn.to_q.weight"]!, { absolute: 0.501 * scale });
    tf.dispose([base, plain, lora]);
  }));
