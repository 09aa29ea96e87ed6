import * as tf from "@tensorflow/tfjs";
import { join } from "node:path";
import { type Lora, loraAdapter, type LoraOptions } from "../../src/lora/adapter.ts";
import type { LoraComponent } from "../../src/lora/components.ts";
import type { LoraNetworks } from "../../src/lora/layer_names.ts";
import type { Loras } from "../../src/lora/write.ts";
import { buildNamedModel } from "../../src/models/by_class/classes.ts";
import type { ModelInputs } from "../../src/models/by_class/named_model.ts";
import { loadTransformersParams } from "../../src/models/transformers_params.ts";
import { initParams } from "../../src/nn/declare.ts";
import { normal } from "../../src/runtime/random.ts";
import { loadParams } from "../../src/weights/checkpoint.ts";
import { readConfig } from "../../src/weights/config.ts";
import { readTensors } from "../../src/weights/safetensors.ts";
import { fixture } from "../support.ts";

/** The recorded network behind each component of a pipeline, and what is adapted in it. */
type Case = Partial<Record<LoraComponent, LoraOptions & { folder: string }>>;

const unetTargets = [
  ...["to_q", "to_k", "to_v", "to_out.0", "ff.net.0.proj", "ff.net.2", "proj_in", "proj_out"],
  ...[
    "conv1",
    "conv2",
    "conv_shortcut",
    "time_emb_proj",
    "time_embedding.linear_1",
    "time_embedding.linear_2",
  ],
  ...["downsamplers.0.conv", "upsamplers.0.conv", "conv_in", "conv_out"],
];
const attention: LoraOptions = { rank: 2, alpha: 2 };
const feedForward: LoraOptions = { rank: 3, alpha: 1.5, targets: "attention+feed-forward" };

/** A pipeline of each kind; among the adapted layers is every kind of layer that has a name of its own in some layout. */
export const CASES: Readonly<Record<"sd15" | "sdxl" | "sd3", Case>> = {
  sd15: {
    unet: { folder: "unet_sd15", rank: 2, alpha: 3, targets: unetTargets },
    text_encoder: { folder: "clip_text", ...feedForward },
  },
  sdxl: {
    unet: {
      folder: "unet_sdxl",
      rank: 2,
      alpha: 1,
      targets: [...unetTargets, "add_embedding.linear_1", "add_embedding.linear_2"],
    },
    text_encoder: { folder: "clip_text", ...attention },
    text_encoder_2: { folder: "clip_text_projection", ...feedForward },
  },
  sd3: {
    transformer: {
      folder: "mmdit_sd35",
      rank: 2,
      alpha: 5,
      targets: [
        ...["to_q", "to_k", "to_v", "to_out.0", "add_q_proj", "add_k_proj", "add_v_proj", "to_add_out"],
        ...["ff.net.0.proj", "ff.net.2", "ff_context.net.0.proj", "ff_context.net.2", "pos_embed.proj"],
        ...["norm1.linear", "norm1_context.linear", "norm_out.linear", "proj_out", "context_embedder"],
      ],
    },
    text_encoder: { folder: "clip_text_projection", ...attention },
    text_encoder_2: { folder: "clip_text_projection", ...feedForward },
  },
};

export type CaseName = keyof typeof CASES;

/** Declarations of a case's networks. */
export async function networksOf(name: CaseName): Promise<LoraNetworks> {
  const networks: LoraNetworks = {};
  for (const [component, { folder }] of Object.entries(CASES[name])) {
    networks[component as LoraComponent] = (await openNetwork(folder)).model.declarations;
  }
  return networks;
}

/** The LoRAs that the recorded files hold: A as at the start of training, B random. */
export async function ourLoras(name: CaseName): Promise<Loras> {
  const networks = await networksOf(name), loras: Loras = {};
  for (const component of Object.keys(networks) as LoraComponent[]) {
    const adapter = loraAdapter(networks[component]!, CASES[name][component]!);
    loras[component] = { adapter, params: trainedParams(adapter, `${name} ${component}`) };
  }
  return loras;
}

/** Weights of an adapter as if trained: A from its start, B random instead of 0. */
export function trainedParams(adapter: Lora["adapter"], purpose: string): Lora["params"] {
  const params = initParams(adapter.declarations, 0);
  for (const [name, { shape }] of Object.entries(adapter.declarations)) {
    if (!name.endsWith(".lora_B.weight")) continue;
    const key = { seed: 0, purpose: `${purpose} ${name}`, step: 0, sample: 0 };
    params[name]!.dispose();
    params[name] = tf.tensor(normal(key, tf.util.sizeFromShape([...shape])), [...shape]).mul(0.2);
  }
  return params;
}

/** A recorded network: the model, its weights, and the inputs recorded with it (channels last). */
export async function openNetwork(name: string) {
  const folder = fixture(name), config = await readConfig(folder);
  const model = buildNamedModel(config, join(folder, "config.json"));
  return {
    model,
    loadParams: () =>
      name.startsWith("clip_")
        ? loadTransformersParams(folder, model.declarations)
        : loadParams(folder, model.declarations),
    async inputs(): Promise<ModelInputs> {
      const recorded = await readTensors(join(folder, "inputs.safetensors"));
      return Object.fromEntries(
        Object.entries(recorded).map(([key, { data, shape }]) => [key, inputTensor(key, data, shape)]),
      );
    },
  };
}

function inputTensor(key: string, data: Float32Array | Int32Array, shape: readonly number[]): tf.Tensor {
  if (key === "input_ids") return tf.tensor(data, [...shape], "int32");
  const x = tf.tensor(Float32Array.from(data), [...shape]);
  return x.rank === 4 ? x.transpose([0, 2, 3, 1]) : x;
}
