import * as tf from "@tensorflow/tfjs";
import { UserError } from "../runtime/errors.ts";
import type { HostData, WriteDtype } from "../weights/dtypes.ts";
import { toCheckpointLayout } from "../weights/layout.ts";
import { finite } from "../weights/not_finite.ts";
import { writeTensors } from "../weights/safetensors.ts";
import type { Lora, LoraTarget } from "./adapter.ts";
import { diffusersName, isSdxl, kohyaPlace, LORA_COMPONENTS, type LoraComponent } from "./components.ts";
import { factorShapes } from "./file_entries.ts";
import { type Factors, fuseFactors, swapHalves } from "./fused_qkv.ts";
import { ADAPTER_METADATA, adapterMetadata } from "./peft_metadata.ts";

/** LoRAs of a pipeline's networks, by diffusers' names of these. */
export type Loras = Partial<Record<LoraComponent, Lora>>;

/** How to write a LoRA file. */
export interface WriteLoraOptions {
  /**
   * - `diffusers`: peft's names, alpha in the metadata, as diffusers ≥ 0.34 writes it. Older versions and ComfyUI (which
   *   reads this layout for SD3 only) do not read that alpha and take the rank instead: for them let alpha be the rank.
   * - `kohya`: as kohya's tools, for ComfyUI, AUTOMATIC1111 and, except for SD3, diffusers.
   */
  layout: "diffusers" | "kohya";
  /** Width of the floats in the file; alpha is always F32. */
  dtype: "F32" | "F16";
  /** Free text kept in the file's header. */
  metadata?: Record<string, string>;
}

type FileTensors = Record<string, { shape: readonly number[]; data: HostData; dtype: WriteDtype }>;

/**
 * Writes LoRAs of a pipeline's networks to one safetensors file, atomically.
 *
 * In kohya's layout SD3's q, k and v are one layer of three times the rank and alpha, the factors B along the diagonal
 * (what kohya's `split_qkv` writes, but with an alpha that makes every reader's alpha / rank right). See `readLora` for an
 * example.
 *
 * @param path of the file; `LORA_FILE_NAME` is the name that diffusers looks for
 * @throws UserError when there is no LoRA, when a layer has no name in the layout, when a number is not finite, and as `writeSafetensors`
 */
export async function writeLora(path: string, loras: Loras, options: WriteLoraOptions): Promise<void> {
  const given = LORA_COMPONENTS.flatMap((name) => loras[name] ? [[name, loras[name]] as const] : []);
  if (given.length === 0) {
    throw new UserError(`${path}: no LoRA to write; give one for ${LORA_COMPONENTS.join(", ")}`);
  }
  const tensors: FileTensors = {};
  if (options.layout === "diffusers") {
    for (const [name, lora] of given) await addDiffusers(tensors, name, lora, options.dtype);
    const configs = given.map(([name, { adapter }]) => adapterMetadata(name, adapter.targets));
    const json = JSON.stringify(Object.assign({}, ...configs), null, 2);
    return await write(path, tensors, { [ADAPTER_METADATA]: json, ...options.metadata });
  }
  const numbered = Boolean(loras.text_encoder_2 || loras.transformer) ||
    loras.unet !== undefined && isSdxl(loras.unet.adapter.base);
  for (const [name, lora] of given) await addKohya(tensors, name, lora, options.dtype, numbered);
  await write(path, tensors, { ...kohyaMetadata(loras), ...options.metadata });
}

async function write(path: string, tensors: FileTensors, metadata: Record<string, string>): Promise<void> {
  for (const [name, { data }] of Object.entries(tensors)) finite(data, path, name);
  await writeTensors(path, tensors, { format: "pt", ...metadata });
}

async function addDiffusers(
  tensors: FileTensors,
  component: LoraComponent,
  lora: Lora,
  dtype: WriteDtype,
): Promise<void> {
  for (const target of lora.adapter.targets) {
    const { a, b } = await factorsOf(lora, target),
      shapes = factorShapes(lora.adapter.declarations, target.module);
    const name = diffusersName(component, target.module);
    tensors[`${name}.lora_A.weight`] = { shape: shapes.a, data: a, dtype };
    tensors[`${name}.lora_B.weight`] = { shape: shapes.b, data: b, dtype };
  }
}

async function addKohya(
  tensors: FileTensors,
  component: LoraComponent,
  lora: Lora,
  dtype: WriteDtype,
  numbered: boolean,
): Promise<void> {
  const add = (name: string, { a, b, alpha }: Factors, shapes: ReturnType<typeof factorShapes>) => {
    tensors[`${name}.lora_down.weight`] = { shape: shapes.a, data: a, dtype };
    tensors[`${name}.lora_up.weight`] = { shape: shapes.b, data: b, dtype };
    tensors[`${name}.alpha`] = { shape: [], data: Float32Array.of(alpha), dtype: "F32" };
  };
  const places = lora.adapter.targets.map((target) => ({
    target,
    ...placeOf(component, lora, target, numbered),
  }));
  for (const { target, name, swapped } of places.filter(({ third }) => third === undefined)) {
    const factors = await factorsOf(lora, target);
    add(
      name,
      swapped ? { ...factors, b: swapHalves(factors.b) } : factors,
      factorShapes(lora.adapter.declarations, target.module),
    );
  }
  const groups = Object.groupBy(places.filter(({ third }) => third !== undefined), ({ name }) => name);
  for (const [name, members] of Object.entries(groups)) {
    const targets = members!.map(({ target }) => target), [first] = targets as [LoraTarget];
    if (targets.some(({ rank, alpha }) => rank !== first.rank || alpha !== first.alpha)) {
      throw new UserError(
        `LoRA in kohya's layout: ${targets.map(({ module }) => module).join(", ")} are one layer there, ` +
          "so they need one rank and alpha; write the layout of diffusers",
      );
    }
    const parts: (Factors | undefined)[] = [undefined, undefined, undefined];
    for (const { target, third } of members!) parts[third!] = await factorsOf(lora, target);
    const { a: [, inputs], b: [outputs] } = factorShapes(lora.adapter.declarations, first.module) as {
      a: [number, number];
      b: [number];
    };
    const shapes = { a: [3 * first.rank, inputs], b: [3 * outputs, 3 * first.rank] };
    add(name, fuseFactors(parts, inputs, outputs), shapes);
  }
}

function placeOf(component: LoraComponent, { adapter }: Lora, { module }: LoraTarget, numbered: boolean) {
  const place = kohyaPlace(component, adapter.base, module, numbered);
  if (place) return place;
  throw new UserError(
    `LoRA in kohya's layout: the layer ${component}.${module} has no name there; write the layout of diffusers`,
  );
}

async function factorsOf({ params }: Lora, { module, rank, alpha }: LoraTarget): Promise<Factors> {
  const [a, b] = await Promise.all([
    download(params[`${module}.lora_A.weight`]!),
    download(params[`${module}.lora_B.weight`]!),
  ]);
  return { rank, alpha, a, b };
}

async function download(x: tf.Tensor): Promise<Float32Array<ArrayBuffer>> {
  const stored = toCheckpointLayout(x);
  try {
    return new Float32Array(await stored.data());
  } finally {
    tf.dispose(stored);
  }
}

function kohyaMetadata(loras: Loras): Record<string, string> {
  const targets = Object.values(loras).flatMap(({ adapter }) => adapter.targets), [first] = targets;
  const uniform = targets.every(({ rank, alpha }) => rank === first!.rank && alpha === first!.alpha);
  return {
    ss_network_module: "networks.lora",
    ...uniform && { ss_network_dim: String(first!.rank), ss_network_alpha: String(first!.alpha) },
  };
}
