import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { adapterOf, loraAdapter, mergeLora } from "../../src/lora/adapter.ts";
import { selectModules } from "../../src/lora/targets.ts";
import { type Declarations, initParams, shapesOf } from "../../src/nn/declare.ts";
import { conv2d, linear } from "../../src/nn/layers.ts";
import { UserError } from "../../src/runtime/errors.ts";
import { compile } from "../../src/tensor/compile.ts";
import { flatten, layoutOf, type Params, unflatten } from "../../src/tensor/params.ts";
import { valueAndGrad, vjp } from "../../src/tensor/vjp.ts";
import { assertClose, noLeak, startTestEngine } from "../support.ts";
import { openNetwork, trainedParams } from "./cases.ts";

/** A network with each kind of layer that can be adapted; [2,5,5,4] → [2,3,3,6]. */
function smallNetwork() {
  const d: Declarations = {};
  const wide = conv2d(d, "conv3", { in: 4, out: 8, kernel: 3, stride: 2, padding: 1 });
  const narrow = conv2d(d, "conv1", { in: 8, out: 5, kernel: 1 });
  const last = linear(d, "block.fc", { in: 5, out: 6 });
  const forward = (p: Params, x: tf.Tensor) => last(p, narrow(p, wide(p, x)).tanh());
  return { declarations: d, forward, wide, last, layers: ["conv3", "conv1", "block.fc"] };
}

const image = () => tf.sin(tf.range(0, 200)).reshape([2, 5, 5, 4]);

Deno.test("apply() adds alpha / rank times the adapter's two layers behind one another", async () => {
  await startTestEngine();
  const { declarations: d, wide, last } = smallNetwork();
  const adapter = loraAdapter(d, { rank: 2, alpha: 5, targets: ["conv3", "fc"] });
  const base = initParams(d, 0), trained = trainedParams(adapter, "test");
  const adapted = adapter.apply(base, trained);

  const conv = (x: tf.Tensor, name: string, stride: number) =>
    tf.conv2d(x as tf.Tensor4D, trained[name] as tf.Tensor4D, stride, "valid");
  const padded = image().pad([[0, 0], [1, 1], [1, 1], [0, 0]]);
  const convolved = conv(conv(padded, "conv3.lora_A.weight", 2), "conv3.lora_B.weight", 1);
  assertClose(wide(adapted, image()), wide(base, image()).add(convolved.mul(5 / 2)), { relative: 1e-5 });

  const rows = tf.cos(tf.range(0, 35)).reshape([7, 5]);
  const lowered = tf.matMul(rows, trained["block.fc.lora_A.weight"]!, false, true);
  const raised = tf.matMul(lowered, trained["block.fc.lora_B.weight"]!, false, true);
  assertClose(last(adapted, rows), last(base, rows).add(raised.mul(5 / 2)), { relative: 1e-5 });

  for (const name of ["conv1.weight", "conv3.bias", "block.fc.bias"]) {
    assert.equal(adapted[name], base[name], `${name} is no target`);
  }
});

Deno.test("a fresh adapter starts at the network itself, with A as peft's default", async () => {
  await startTestEngine();
  const { declarations: d, forward, layers } = smallNetwork();
  const adapter = loraAdapter(d, { rank: 3, targets: layers });
  const base = initParams(d, 0), fresh = initParams(adapter.declarations, 7);
  assertClose(forward(adapter.apply(base, fresh), image()), forward(base, image()), { absolute: 0 });
  const bound = 1 / Math.sqrt(3 * 3 * 4), largest = fresh["conv3.lora_A.weight"]!.abs().max().dataSync()[0]!;
  assert.ok(largest <= bound && largest > 0.9 * bound, `largest ${largest}, bound ${bound}`);
});

Deno.test("apply()'s gradient with respect to the adapter is that of finite differences", async () => {
  await startTestEngine();
  const { declarations: d, forward, layers } = smallNetwork();
  const adapter = loraAdapter(d, { rank: 2, alpha: 1, targets: layers });
  const layout = layoutOf(shapesOf(adapter.declarations));
  const base = initParams(d, 0), x = image();
  const weights = flatten(trainedParams(adapter, "test"), layout);
  const loss = (flat: tf.Tensor) =>
    forward(adapter.apply(base, unflatten(flat, layout)), x).square().sum().asScalar();
  const { grads: [gradient] } = valueAndGrad(loss, [weights]);
  layout.sizes.forEach((size, i) => {
    const offset = layout.sizes.slice(0, i).reduce((a, b) => a + b, 0);
    // along one direction for each weight, so that none can hide behind another
    const direction = tf.sin(tf.range(0, size)).pad([[offset, layout.length - offset - size]]);
    const step = 1e-2, at = (t: number) => loss(weights.add(direction.mul(t))).dataSync()[0]!;
    const expected = (at(step) - at(-step)) / (2 * step);
    assertClose([gradient!.mul(direction).sum().dataSync()[0]!], [expected], {
      relative: 5e-3,
      absolute: 1e-3,
    });
  });
});

Deno.test("a UNet trains through its adapter: eager and compiled gradients agree, nothing is left", async () => {
  await startTestEngine();
  const { model, loadParams, inputs } = await openNetwork("unet_sd15");
  const adapter = loraAdapter(model.declarations, { rank: 2, targets: "attention+feed-forward" });
  const layout = layoutOf(shapesOf(adapter.declarations));
  const base = await loadParams(), given = await inputs();
  const weights = flatten(trainedParams(adapter, "test"), layout);
  const gradient = (weights: tf.Tensor) => {
    const output = (flat: tf.Tensor) =>
      model.call(adapter.apply(base, unflatten(flat, layout)), given).sample as tf.Tensor;
    return tf.tidy(() => vjp(output, [weights], (y) => tf.cos(y)).grads[0]!);
  };
  const compiled = compile(gradient);
  await noLeak(() => tf.dispose(gradient(weights)));
  assertClose(compiled(weights), gradient(weights), { relative: 1e-4 });
  compiled.dispose();
});

Deno.test("mergeLora() writes into the weights what apply() gives, and frees the old ones", async () => {
  await startTestEngine();
  const { declarations: d, forward, layers } = smallNetwork();
  const adapter = loraAdapter(d, { rank: 2, alpha: 3, targets: layers });
  const base = initParams(d, 0), params = trainedParams(adapter, "test");
  const expected = forward(adapter.apply(base, params), image());
  await noLeak(() => mergeLora(base, { adapter, params }));
  assertClose(forward(base, image()), expected, { relative: 1e-5 });
  assert.throws(() => mergeLora({}, { adapter, params }), /no weight named conv3.weight among 0 given/);
});

Deno.test("a LoRA counts as strongly as asked: 0 is the network bit for bit, 1 as trained, linear in between", async () => {
  await startTestEngine();
  const { declarations: d, layers } = smallNetwork();
  const adapter = loraAdapter(d, { rank: 2, alpha: 3, targets: layers });
  const params = trainedParams(adapter, "test"), base = initParams(d, 0);
  const zeros = Object.fromEntries(Object.entries(base).map(([name, x]) => [name, x.mul(-0)]));
  const merged = (strength?: number, start = base) => {
    const weights = Object.fromEntries(Object.entries(start).map(([name, x]) => [name, x.clone()]));
    mergeLora(weights, { adapter, params }, { strength });
    return weights;
  };
  const bits = (x: tf.Tensor) => new Uint32Array(x.dataSync<"float32">().slice().buffer);
  const none = merged(0), whole = merged(1), half = merged(0.5), opposite = merged(-2), today = merged();
  const minusZero = merged(0, zeros);
  for (const module of layers) {
    const name = `${module}.weight`, change = whole[name]!.sub(base[name]!);
    assert.deepEqual(bits(none[name]!), bits(base[name]!));
    assert.deepEqual(bits(minusZero[name]!), bits(zeros[name]!));
    assert.deepEqual(bits(whole[name]!), bits(today[name]!));
    assert.notDeepEqual(bits(whole[name]!), bits(base[name]!));
    assertClose(half[name]!, base[name]!.add(change.mul(0.5)), { absolute: 1e-6 });
    assertClose(opposite[name]!, base[name]!.sub(change.mul(2)), { absolute: 1e-6 });
  }
  for (const strength of [NaN, Infinity, -Infinity]) {
    assert.throws(
      () => merged(strength),
      (error) =>
        error instanceof UserError && /LoRA strength .*: expected a finite number/.test(error.message),
    );
  }
});

Deno.test("several LoRAs add up, each with its strength", async () => {
  await startTestEngine();
  const { declarations: d } = smallNetwork(), base = initParams(d, 0);
  const loras = [["block.fc"], ["fc", "conv1"]].map((targets, i) => {
    const adapter = loraAdapter(d, { rank: 2 + i, targets });
    return { adapter, params: trainedParams(adapter, `lora ${i}`) };
  });
  const product = (i: number) =>
    tf.matMul(loras[i]!.params["block.fc.lora_B.weight"]!, loras[i]!.params["block.fc.lora_A.weight"]!);
  const expected = base["block.fc.weight"]!.add(product(0).mul(0.7)).add(product(1).mul(-0.3));
  mergeLora(base, loras[0]!, { strength: 0.7 });
  mergeLora(base, loras[1]!, { strength: -0.3 });
  assertClose(base["block.fc.weight"]!, expected, { absolute: 1e-6 });
});

Deno.test("each layer may have a rank and an alpha of its own", async () => {
  await startTestEngine();
  const { declarations: d, last } = smallNetwork();
  const targets = [{ module: "conv1", rank: 1, alpha: 2 }, { module: "block.fc", rank: 4, alpha: 1 }];
  const adapter = adapterOf(d, targets);
  assert.deepEqual(adapter.declarations["conv1.lora_A.weight"]!.shape, [1, 1, 8, 1]);
  assert.deepEqual(adapter.declarations["block.fc.lora_B.weight"]!.shape, [6, 4]);
  const base = initParams(d, 0), params = trainedParams(adapter, "test"), x = tf.eye(5);
  const change = last(adapter.apply(base, params), x).sub(last(base, x)).transpose();
  const product = tf.matMul(params["block.fc.lora_B.weight"]!, params["block.fc.lora_A.weight"]!);
  assertClose(change, product.mul(1 / 4), { relative: 1e-5 });
});

Deno.test("the default targets are the attention projections of each network; feed-forward by option", async () => {
  const ends = async (folder: string, targets: "attention" | "attention+feed-forward") => {
    const { model } = await openNetwork(folder);
    const modules = selectModules(model.declarations, targets);
    return [...new Set(modules.map((module) => module.replace(/^.*(layers|blocks)\.\d+\./, "")))].toSorted();
  };
  const unet = ["attn1", "attn2"].flatMap((attention) =>
    ["to_k", "to_out.0", "to_q", "to_v"].map((end) => `${attention}.${end}`)
  );
  assert.deepEqual(await ends("unet_sd15", "attention"), unet);
  assert.deepEqual(await ends("unet_sdxl", "attention+feed-forward"), [...unet, "ff.net.0.proj", "ff.net.2"]);
  const joint = ["add_k_proj", "add_q_proj", "add_v_proj", "to_add_out", "to_k", "to_out.0", "to_q", "to_v"];
  assert.deepEqual(await ends("mmdit_sd3", "attention"), joint.map((end) => `attn.${end}`));
  assert.deepEqual(await ends("mmdit_sd3", "attention+feed-forward"), [
    ...joint.map((end) => `attn.${end}`),
    ...["ff.net.0.proj", "ff.net.2", "ff_context.net.0.proj", "ff_context.net.2"],
  ]);
  const text = ["mlp.fc1", "mlp.fc2", ...["k", "out", "q", "v"].map((x) => `self_attn.${x}_proj`)];
  assert.deepEqual(await ends("clip_text", "attention+feed-forward"), text);
});

Deno.test("bad options are errors that say what fits", () => {
  const { declarations: d } = smallNetwork();
  const adapt = (options: Parameters<typeof loraAdapter>[1]) => () => loraAdapter(d, options);
  const fails = (options: Parameters<typeof loraAdapter>[1], message: RegExp) =>
    assert.throws(adapt(options), (error) => error instanceof UserError && message.test(error.message));
  fails({ rank: 0, targets: ["conv1"] }, /LoRA rank 0: expected a whole number of at least 1/);
  fails({ rank: 1, alpha: -1, targets: ["conv1"] }, /LoRA alpha -1: expected a number above 0/);
  fails(
    { rank: 1, targets: ["block.fd", "conv1", /xyz/] },
    /block\.fd, the nearest is block\.fc\n {2}\/xyz\//,
  );
  fails({ rank: 1 }, /"attention" fit none of the network's 3 linear and convolution layers/);
  assert.deepEqual(selectModules(d, [/^conv\d$/]), ["conv3", "conv1"]);
  assert.deepEqual(selectModules(d, ["fc"]), ["block.fc"], "the end of a name after a dot");
  assert.throws(() => selectModules(d, ["c"]), UserError);
});

Deno.test("lookup tables are no layers to adapt", async () => {
  const { model } = await openNetwork("clip_text");
  assert.throws(() => selectModules(model.declarations, ["token_embedding"]), UserError);
});
