import * as tf from "@tensorflow/tfjs";
import fc from "fast-check";
import { join } from "node:path";
import { readLora } from "../../../src/lora/read.ts";
import { loadCheckpoint } from "../../../src/training/checkpoint.ts";
import { DIGEST_KEY } from "../../../src/weights/content_digest.ts";
import { readTensors } from "../../../src/weights/safetensors.ts";
import { openWeightFiles } from "../../../src/weights/weight_files.ts";
import { networksOf } from "../../lora/cases.ts";
import { fixture } from "../../support.ts";
import { type Content, type Input, oddFileOrPipe, oneOdd } from "../input.ts";
import { joined, oddBytes } from "../odd_bytes.ts";
import { oddJson, oddJsonFile } from "../odd_json.ts";
import type { Reader } from "../reader.ts";

type Header = Record<string, Record<string, unknown>>;

const encoder = new TextEncoder();

/** A safetensors file taken apart, without its checksum, by which every change would be told. */
function apart(bytes: Uint8Array): { header: Header; data: Uint8Array } {
  const start = 8 + Number(new DataView(bytes.buffer).getBigUint64(0, true));
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(8, start))) as Header;
  delete header.__metadata__?.[DIGEST_KEY];
  return { header, data: bytes.slice(start) };
}

function whole(header: string, data: Uint8Array): Uint8Array {
  const text = encoder.encode(header), length = new Uint8Array(8);
  new DataView(length.buffer).setBigUint64(0, BigInt(text.length), true);
  return joined(length, text, data);
}

/** Headers that are valid, and hard: long names, many tensors, many sides, huge ones of which one is 0. */
const hardHeader: fc.Arbitrary<string> = fc.record({
  name: fc.constantFrom(
    "x",
    "",
    "__proto__",
    "constructor",
    "\\u0000",
    "a.".repeat(1e5),
    '\\"'.repeat(1e5),
    "x".repeat(1e7),
  ),
  count: fc.constantFrom(1, 2, 1000, 5000),
  shape: fc.constantFrom(
    "[]",
    "[0]",
    "[1,1,1,1,1,1,1,1,1,1]",
    "[0,9007199254740991]",
    "[9007199254740991,0,9007199254740991]",
    `[${"0,".repeat(1e5)}0]`,
  ),
  dtype: fc.constantFrom("F32", "I32", "F16", "I64", "F8_E4M3", "BOOL"),
}).map(({ name, count, shape, dtype }) =>
  `{${
    Array.from({ length: name.length > 1e6 ? 1 : count }, (_, i) =>
      `"${name.length > 1000 && i > 0 ? "y" : name}${i || ""}":{"dtype":"${dtype}","shape":${
        shape.length > 1000 && i > 0 ? "[0]" : shape
      },"data_offsets":[0,0]}`).join()
  }}`
);

/** What may stand in the place of a file: the header odd and its length right, or any bytes odd. */
function oddSafetensors(bytes: Uint8Array): fc.Arbitrary<Content> {
  const { header, data } = apart(bytes);
  return fc.oneof(
    { weight: 10, arbitrary: oddJson(header).map((text) => whole(text, data)) },
    { weight: 8, arbitrary: oddBytes(bytes) },
    { weight: 8, arbitrary: oddBytes(whole(JSON.stringify(header), data)) },
    { weight: 1, arbitrary: hardHeader.map((text) => whole(text, new Uint8Array(0))) },
    { weight: 1, arbitrary: oddFileOrPipe },
  );
}

const lora = (name: string) => Deno.readFileSync(fixture(`lora/${name}.safetensors`));

/** A few small tensors of each kind, as a file. */
function smallFile(dtypes: Readonly<Record<string, number>>, metadata?: Record<string, string>): Uint8Array {
  const header: Record<string, unknown> = metadata ? { __metadata__: metadata } : {};
  let at = 0;
  for (const [dtype, bytes] of Object.entries(dtypes)) {
    header[`model.${dtype}`] = { dtype, shape: [2, 3], data_offsets: [at, at += 6 * bytes] };
  }
  return whole(JSON.stringify(header), Uint8Array.from({ length: at }, (_, i) => i % 7 === 6 ? 63 : 0));
}

const ALL = smallFile({
  F64: 8,
  I64: 8,
  F32: 4,
  I32: 4,
  F16: 2,
  BF16: 2,
  U16: 2,
  I8: 1,
  BOOL: 1,
  F8_E4M3: 1,
});

export const safetensors: Reader = {
  name: "safetensors",
  share: 150,
  inputs: fc.oneof(oddSafetensors(ALL), oddSafetensors(lora("ours_sd15_kohya")))
    .map((content) => ({ "x.safetensors": content })),
  read: (folder) => readTensors(join(folder, "x.safetensors")),
};

const FLOATS = smallFile({ F32: 4, F16: 2, BF16: 2, F8_E5M2: 1 });
const SHARD = "model-00001-of-00001.safetensors", INDEX = "model.safetensors.index.json";
const SHARDED: Input = {
  [SHARD]: FLOATS,
  [INDEX]: JSON.stringify({ metadata: {}, weight_map: { "model.F32": SHARD, "model.F16": SHARD } }),
};

/** The weights of a model's folder, whole or in shards, into the engine. */
export const weightFolders: Reader = {
  name: "weights of a folder",
  share: 60,
  inputs: fc.oneof(
    oneOdd({}, { "model.safetensors": oddSafetensors(FLOATS) }),
    oneOdd(SHARDED, {
      [INDEX]: oddJsonFile(JSON.parse(SHARDED[INDEX] as string)),
      [SHARD]: oddSafetensors(FLOATS),
    }),
  ),
  async read(folder) {
    using files = await openWeightFiles(folder);
    for (const name of files.shapes.keys()) (await files.tensor(name)).dispose();
  },
};

const PEFT = {
  peft_type: "LORA",
  r: 2,
  lora_alpha: 2,
  alpha_pattern: { "to_q": 1, "^mid.*(k|v)$": 2 },
  rank_pattern: {},
  use_dora: false,
}; // deno-fmt-ignore
const NETWORKS = { sd15: await networksOf("sd15"), sd3: await networksOf("sd3") };
const LORAS = ["ours_sd15_kohya", "ours_sd15_diffusers", "diffusers_sd15_processor", "ours_sd3_kohya"];

/** LoRAs under every layout of names, and peft's folder. */
export const loras: Reader = {
  name: "LoRA files",
  share: 100,
  inputs: fc.oneof(
    fc.oneof(
      ...LORAS.map((name) =>
        oddSafetensors(lora(name)).map((content): Input => ({
          [`${name.includes("sd3") ? "sd3" : "sd15"}.safetensors`]: content,
        }))
      ),
    ),
    oneOdd({ "adapter_model.safetensors": lora("diffusers_sd15_plain") }, {
      "adapter_config.json": oddJsonFile(PEFT),
    }),
  ),
  async read(folder) {
    const [name] = [...Deno.readDirSync(folder)].map(({ name }) => name).filter((name) =>
      name !== "adapter_config.json"
    );
    const path = name === undefined || name.startsWith("adapter") ? folder : join(folder, name);
    const read = await readLora(path, name?.startsWith("sd3") ? NETWORKS.sd3 : NETWORKS.sd15);
    for (const one of Object.values(read)) tf.dispose(one.params);
  },
};

const CHECKPOINT = smallFile({ F32: 4, I32: 4 }, {
  step: "3",
  state: JSON.stringify({ seed: 1, updates: [1, 2] }),
});

/** A run's folder of checkpoints, of which the newest that is whole is read. */
export const checkpoints: Reader = {
  name: "checkpoints",
  share: 60,
  inputs: fc.tuple(oddSafetensors(CHECKPOINT), fc.constantFrom(...oneOrTwo()))
    .map(([content, others]): Input => ({ "step-000003.safetensors": content, ...others })),
  async read(folder) {
    const read = await loadCheckpoint(folder);
    if (read) tf.dispose(read.tensors);
  },
};

function oneOrTwo(): Input[] {
  return [{}, { "step-000002.safetensors": "{}" }, { "step-99999999999999999999.safetensors": CHECKPOINT }];
}
