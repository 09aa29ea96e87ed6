import * as tf from "@tensorflow/tfjs";
import type { Declarations } from "../nn/declare.ts";
import { UserError } from "../runtime/errors.ts";
import { listed } from "../runtime/wording.ts";
import type { Params } from "../tensor/params.ts";
import { fromCheckpointLayout } from "../weights/layout.ts";
import { finite } from "../weights/not_finite.ts";
import { openSafetensors, type SafetensorsFile } from "../weights/safetensors.ts";
import { adapterOf, type Lora } from "./adapter.ts";
import { LORA_COMPONENTS, type LoraComponent } from "./components.ts";
import { fileShapes, loraEntries, type LoraEntry } from "./file_entries.ts";
import type { LoraNetworks } from "./layer_names.ts";
import { loraSource } from "./lora_file.ts";
import { type Factors, splitFactors, swapHalves } from "./fused_qkv.ts";
import { alphaReader } from "./peft_metadata.ts";
import type { Loras } from "./write.ts";

/** A layer's adapter as read. */
interface Found extends Factors {
  readonly module: string;
}

/**
 * Reads a LoRA: a file, or a folder with one under the name of diffusers or of peft. A tensor's name is the layer's, with
 * anything before it (`unet.`, `base_model.model.`, `lora_unet_`, …) and an ending of a factor behind. The layer's name is
 * that of diffusers or of the original code, with dots or underscores: so the files of diffusers, peft, kohya's tools,
 * ComfyUI, OneTrainer and LyCORIS (plain LoRA only) are read. Ranks may differ from layer to layer. Alpha is that beside the
 * weights, in peft's `adapter_config.json` or in diffusers' metadata, else the rank.
 *
 * ```ts
 * import * as tf from "@tensorflow/tfjs";
 * import { type Declarations, initParams } from "../nn/declare.ts";
 * import { linear } from "../nn/layers.ts";
 * import { loraAdapter } from "./adapter.ts";
 * import { readLora } from "./read.ts";
 * import { writeLora } from "./write.ts";
 * await tf.setBackend("cpu");
 * const d: Declarations = {}, path = await Deno.makeTempFile();
 * linear(d, "text_model.encoder.layers.0.self_attn.q_proj", { in: 8, out: 8 });
 * const adapter = loraAdapter(d, { rank: 2, alpha: 1 }), params = initParams(adapter.declarations, 0);
 * await writeLora(path, { text_encoder: { adapter, params } }, { layout: "kohya", dtype: "F16" });
 * const { text_encoder } = await readLora(path, { text_encoder: d });
 * console.log(text_encoder!.adapter.targets[0]!.alpha); // 1
 * await Deno.remove(path);
 * ```
 *
 * @param path of the file or the folder
 * @param networks all that the file may adapt
 * @returns LoRAs of those that it does adapt, in float32; the weights are the caller's to dispose
 * @throws UserError for a method that is not plain LoRA, by its name; tensors that fit no layer of the networks, with the
 * nearest layers; halves of a pair without the other; shapes of another model; numbers that are not finite. Broken files: see `openSafetensors`
 */
export async function readLora(path: string, networks: LoraNetworks): Promise<Loras> {
  const source = await loraSource(path);
  using file = await openSafetensors(source.file);
  await file.verify();
  const alphaOf = alphaReader(file.metadata, source);
  const found: Partial<Record<LoraComponent, Found[]>> = {};
  for (const entry of loraEntries(file, networks)) {
    const { component } = entry.place;
    (found[component] ??= []).push(...await readEntry(file, entry, networks[component]!, alphaOf));
  }
  checkDistinct(source.file, found);
  return Object.fromEntries(
    LORA_COMPONENTS.filter((name) => found[name]).map((
      name,
    ) => [name, loraOf(networks[name]!, found[name]!)]),
  );
}

async function readEntry(
  file: SafetensorsFile,
  { place, name, a: aKey, b: bKey, alpha: alphaKey }: LoraEntry,
  base: Declarations,
  alphaOf: ReturnType<typeof alphaReader>,
): Promise<Found[]> {
  const rank = file.entries.get(aKey)!.shape[0]!, [module] = place.modules as [string];
  const read = async (key: string) => finite(new Float32Array((await file.read(key)).data), file.path, key);
  const alpha = alphaKey ? (await read(alphaKey))[0]! : alphaOf(place.component, [module, name], rank);
  const a = await read(aKey), b = await read(bKey), factors = { rank, alpha, a, b };
  if (place.swapped) return [{ ...factors, module, b: swapHalves(b) }];
  if (place.modules.length === 1) return [{ ...factors, module }];
  const { b: [outputs] } = fileShapes(base, { module, rank, alpha });
  const parts = splitFactors(factors, a.length / rank, outputs!);
  return place.modules.flatMap((name, i) => parts[i] ? [{ ...parts[i], module: name }] : []);
}

function checkDistinct(path: string, found: Partial<Record<LoraComponent, Found[]>>): void {
  const twice = Object.entries(found).flatMap(([component, layers]) => {
    const modules = layers.map(({ module }) => module);
    return modules.filter((module, i) => modules.indexOf(module) < i).map((module) =>
      `${component}.${module}`
    );
  });
  if (twice.length === 0) return;
  throw new UserError(
    `${path} adapts these layers twice, under different names:\n  ${listed(twice, "\n  ")}`,
  );
}

/** The adapter of a network's layers, in the order of its declarations, with its weights as tensors. */
function loraOf(base: Declarations, found: readonly Found[]): Lora {
  const order = new Map(Object.keys(base).map((name, i) => [name, i]));
  const place = ({ module }: Found) => order.get(`${module}.weight`)!;
  const layers = found.toSorted((x, y) => place(x) - place(y));
  const adapter = adapterOf(base, layers.map(({ module, rank, alpha }) => ({ module, rank, alpha })));
  const params: Params = {};
  for (const layer of layers) {
    const shapes = fileShapes(base, layer);
    params[`${layer.module}.lora_A.weight`] = upload(layer.a, shapes.a);
    params[`${layer.module}.lora_B.weight`] = upload(layer.b, shapes.b);
  }
  return { adapter, params };
}

function upload(data: Float32Array<ArrayBuffer>, shape: readonly number[]): tf.Tensor {
  return tf.tidy(() => fromCheckpointLayout(tf.tensor(data, [...shape], "float32")));
}
