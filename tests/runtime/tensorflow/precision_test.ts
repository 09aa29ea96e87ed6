import assert from "node:assert/strict";
import { type Attribute, AttributeKind } from "../../../src/runtime/tensorflow/attributes.ts";
import { castOp, createCasts } from "../../../src/runtime/tensorflow/casts.ts";
import type { InputDefinition } from "../../../src/runtime/tensorflow/op_definition.ts";
import { lowType, typesOf } from "../../../src/runtime/tensorflow/precision.ts";
import { DataType } from "../../../src/runtime/tensorflow/tensors.ts";

const { float, bfloat16, half, float8E4m3, int32 } = DataType;

/** An op's inputs, by the names of their type attributes; "" is one of a fixed type. */
const inputs = (...names: string[]): InputDefinition[] =>
  names.map((typeAttribute, i) => ({
    name: `x${i}`,
    typeAttribute,
    numberAttribute: "",
    typesAttribute: "",
  }));

const type = (name: string, value: number): Attribute => ({ name, type: AttributeKind.type, value });

/** Types of inputs, and of the attributes T, U, …, that an op gets. */
function types(op: string, low: number, attributes: string, origins: number[], names: string[]) {
  const given = [...attributes].map((name) => type(name, float));
  const chosen = typesOf(op, low, given, origins, inputs(...names));
  return [chosen.inputs, chosen.attributes.map(({ value }) => value)];
}

Deno.test("typesOf(): products take everything in the low type", () => {
  for (const low of [bfloat16, half, float]) {
    for (const origins of [[float, float], [low, float], [half, bfloat16], [float8E4m3, low]]) {
      assert.deepEqual(types("MatMul", low, "T", origins, ["T", "T"]), [[low, low], [low]]);
      assert.deepEqual(types("Conv2D", low, "T", origins, ["T", "T"]), [[low, low], [low]]);
    }
  }
});

Deno.test("typesOf(): what only moves numbers takes them as they come, if all are of one type", () => {
  for (const origin of [float, bfloat16, float8E4m3]) {
    assert.deepEqual(types("Reshape", bfloat16, "T", [origin, int32], ["T", ""]), [[origin, int32], [
      origin,
    ]]);
    assert.deepEqual(types("Pack", bfloat16, "T", [origin, origin], ["T", "T"]), [[origin, origin], [
      origin,
    ]]);
  }
  // TensorFlow's processor library complains of float16 in most of them; where it is the low type, it is asked for
  assert.deepEqual(types("Reshape", bfloat16, "T", [half, int32], ["T", ""]), [[float, int32], [float]]);
  assert.deepEqual(types("Reshape", half, "T", [half, int32], ["T", ""]), [[half, int32], [half]]);
  assert.deepEqual(types("GatherV2", bfloat16, "Tparams", [half, int32], ["Tparams", ""])[0], [half, int32]);
  assert.deepEqual(types("ConcatV2", bfloat16, "T", [bfloat16, float, int32], ["T", "T", ""]), [
    [float, float, int32],
    [float],
  ]);
});

Deno.test("typesOf(): norms and activations follow the low type, and give it", () => {
  const norm = (origin: number) =>
    types("AdtGroupNorm", bfloat16, "TU", [origin, float, bfloat16], ["T", "", ""]);
  assert.deepEqual(norm(bfloat16), [[bfloat16, float, float], [bfloat16, bfloat16]]);
  assert.deepEqual(norm(float), [[float, float, float], [float, bfloat16]]);
  assert.deepEqual(norm(half), [[float, float, float], [float, bfloat16]]);
  assert.deepEqual(types("AdtSilu", float, "TU", [bfloat16], ["T"]), [[float], [float, float]]);
});

Deno.test("typesOf(): gradients follow each of their inputs' types", () => {
  const gradient = (x: number, dy: number) => types("AdtGeluGrad", bfloat16, "TU", [x, dy], ["T", "U"]);
  for (const x of [bfloat16, float]) {
    for (const dy of [bfloat16, float]) assert.deepEqual(gradient(x, dy), [[x, dy], [x, dy]]);
  }
});

Deno.test("typesOf(): float8 is not repeated, because TensorFlow cannot", () => {
  assert.deepEqual(types("Tile", bfloat16, "T", [float8E4m3, int32], ["T", ""]), [[float, int32], [float]]);
  assert.deepEqual(types("Tile", bfloat16, "T", [bfloat16, int32], ["T", ""]), [[bfloat16, int32], [
    bfloat16,
  ]]);
});

Deno.test("typesOf(): everything else computes in float32, and other types stay what they are", () => {
  for (const op of ["AddV2", "Exp", "Sum", "Softmax", "Cast"]) {
    const own = inputs("T", "T");
    const chosen = typesOf(op, bfloat16, [type("T", float)], [bfloat16, half], own);
    assert.deepEqual(chosen, { inputs: [float, float], attributes: [type("T", float)] });
  }
  const whole = typesOf("Reshape", bfloat16, [type("T", int32)], [int32, int32], inputs("T", ""));
  assert.deepEqual(whole, { inputs: [int32, int32], attributes: [type("T", int32)] });
  const product = typesOf("MatMul", bfloat16, [type("T", int32)], [int32, int32], inputs("T", "T"));
  assert.deepEqual(product.inputs, [int32, int32]);
  assert.deepEqual(product.attributes, [type("T", int32)]);
});

Deno.test("lowType() knows the precisions", () => {
  assert.deepEqual(["float32", "bfloat16", "float16"].map((p) => lowType(p as "float32")), [
    float,
    bfloat16,
    half,
  ]);
});

/** Casts that note what is added. */
function notedCasts(fused: boolean) {
  const added: string[] = [];
  const casts = createCasts((name, attributes, operands) => {
    added.push(`${name} ${operands[0]!.operation} ${attributes.map(({ value }) => value).join("→")}`);
    return BigInt(100 + added.length);
  }, fused);
  return { added, casts };
}

Deno.test("casts are made when they are asked for, once, and not back", () => {
  const { added, casts } = notedCasts(false), output = { operation: 7n, index: 2 };
  const value = casts.value(output, float);
  assert.equal(casts.as(value, float), output);
  assert.deepEqual(added, []);
  const low = casts.as(value, bfloat16);
  assert.deepEqual(low, { operation: 101n, index: 0 });
  assert.equal(casts.as(value, bfloat16), low);
  assert.equal(casts.as(value, float), output);
  casts.as(value, half);
  assert.deepEqual(added, [`Cast 7 ${float}→${bfloat16}`, `Cast 7 ${float}→${half}`], "both from the origin");
});

Deno.test("what is there all the while is cast again when its last cast was used long ago", () => {
  const { added, casts } = notedCasts(false);
  const weight = casts.value({ operation: 7n, index: 0 }, half, true);
  const activation = casts.value({ operation: 8n, index: 0 }, half);
  for (let i = 0; i < 90; i++) casts.as(weight, bfloat16); // used again and again, it stays
  casts.as(activation, bfloat16);
  assert.equal(added.length, 2);
  for (let i = 0; i < 200; i++) casts.as(activation, half);
  casts.as(weight, bfloat16);
  casts.as(activation, bfloat16);
  assert.deepEqual(added.slice(2), [`Cast 7 ${half}→${bfloat16}`]);
});

Deno.test("castOp() takes this project's kernel where it knows both types", () => {
  const name = (from: number, to: number, fused = true) => castOp(from, to, fused).name;
  for (const [from, to] of [[float, bfloat16], [bfloat16, float], [half, float], [half, bfloat16]] as const) {
    assert.equal(name(from, to), "AdtCast");
    assert.equal(name(from, to, false), "Cast");
  }
  for (const [from, to] of [[float, half], [bfloat16, half], [float8E4m3, float], [float, int32]] as const) {
    assert.equal(name(from, to), "Cast");
  }
  assert.deepEqual(castOp(half, float, true).attributes, [type("SrcT", half), type("U", float)]);
  assert.deepEqual(castOp(half, float, false).attributes, [type("SrcT", half), type("DstT", float)]);
});
