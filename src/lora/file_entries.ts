import { closest } from "fastest-levenshtein";
import type { Declarations } from "../nn/declare.ts";
import { UserError } from "../runtime/errors.ts";
import { checkpointShape } from "../weights/layout.ts";
import type { SafetensorsFile } from "../weights/safetensors.ts";
import { adapterOf, type LoraTarget } from "./adapter.ts";
import { knownNames, LORA_COMPONENTS, type LoraComponent, type Place } from "./components.ts";
import { type LoraPart, parseLoraKey } from "./file_keys.ts";

/** Declarations of a pipeline's networks, by diffusers' names of these. */
export type LoraNetworks = Partial<Record<LoraComponent, Declarations>>;

/** One adapted layer of a file: its place, and the names of its tensors. */
export interface LoraEntry {
  readonly place: Place;
  readonly a: string;
  readonly b: string;
  readonly alpha?: string;
}

/** While the tensors are collected. */
type PartialEntry = Partial<Record<LoraPart, string>> & { place: Place };

/**
 * Finds the layers that a LoRA file adapts; reads no weights.
 *
 * @throws UserError that lists every tensor without a layer, every half of a pair, or every wrong shape
 */
export function loraEntries(file: SafetensorsFile, networks: LoraNetworks): LoraEntry[] {
  const entries = paired(file, collect(file, networks));
  checkShapes(file, entries, networks);
  return entries;
}

function collect(file: SafetensorsFile, networks: LoraNetworks): PartialEntry[] {
  const names = new Map<string, Place>();
  for (const component of LORA_COMPONENTS) {
    const declarations = networks[component];
    if (declarations) {
      for (const [name, place] of knownNames(component, declarations)) names.set(name, place);
    }
  }
  const entries = new Map<string, PartialEntry>(), unknown = new Map<string, string[]>();
  for (const key of file.entries.keys()) {
    const { module, part } = parseLoraKey(key) ?? { module: key, part: undefined };
    const place = names.get(module);
    if (part && place) {
      const entry: PartialEntry = entries.get(module) ?? { place };
      entry[part] = key;
      entries.set(module, entry);
    } else unknown.set(module, [...unknown.get(module) ?? [], key]);
  }
  if (unknown.size > 0) throw unknownKeys(file.path, unknown, [...names.keys()], networks);
  if (entries.size === 0) throw new UserError(`${file.path} holds no LoRA: it has no tensors`);
  return [...entries.values()];
}

function unknownKeys(
  path: string,
  unknown: Map<string, string[]>,
  names: readonly string[],
  networks: LoraNetworks,
): UserError {
  const lines = [...unknown].map(([module, keys]) => {
    const alike = names.filter((name) => name.includes(".") === module.includes("."));
    return `  ${keys.join(", ")}${alike.length > 0 ? ` (nearest: ${closest(module, alike)})` : ""}`;
  });
  return new UserError(
    `${path}: ${[...unknown.values()].flat().length} tensors belong to no layer of ${
      Object.keys(networks).join(", ") || "no network"
    }:\n${lines.join("\n")}\n` +
      "Only plain LoRA is supported (no DoRA, LyCORIS or biases), for the networks given. Is it a LoRA for this model?",
  );
}

function paired(file: SafetensorsFile, found: readonly PartialEntry[]): LoraEntry[] {
  const halves = found.filter(({ A, B }) => !A || !B);
  if (halves.length === 0) return found.map(({ place, A, B, alpha }) => ({ place, a: A!, b: B!, alpha }));
  const lines = halves.map(({ A, B, alpha }) => {
    const missing = [A ? [] : ["A (down)"], B ? [] : ["B (up)"]].flat();
    return `  ${A ?? B ?? alpha}: there is no ${missing.join(" and no ")}`;
  });
  throw new UserError(`${file.path} is incomplete:\n${lines.join("\n")}`);
}

function checkShapes(file: SafetensorsFile, entries: readonly LoraEntry[], networks: LoraNetworks): void {
  const shapeOf = (key: string) => file.entries.get(key)!.shape;
  const faults = entries.flatMap(({ place, a, b, alpha }) => {
    const rank = shapeOf(a)[0] ?? 0, [module] = place.modules as [string];
    const shapes = fileShapes(networks[place.component]!, { module, rank, alpha: rank });
    const [outputs, ...rest] = shapes.b as [number, ...number[]];
    const expected = [[a, shapes.a], [b, [outputs * place.modules.length, ...rest]]] as const;
    return [
      ...expected.filter(([key, shape]) => !sameMatrix(shapeOf(key), shape))
        .map(([key, shape]) => `  ${key} [${shapeOf(key)}], expected [${shape}]`),
      ...alpha && shapeOf(alpha).some((n) => n !== 1)
        ? [`  ${alpha} [${shapeOf(alpha)}], expected one number`]
        : [],
    ];
  });
  if (faults.length === 0) return;
  throw new UserError(
    `${file.path} is a LoRA for another model; ${faults.length} misshaped:\n${faults.join("\n")}`,
  );
}

/** Some tools write the factors of a 1×1 convolution as matrices, others those of a linear layer with two ones more. */
function sameMatrix(given: readonly number[], expected: readonly number[]): boolean {
  const trimmed = (shape: readonly number[]) => {
    const matrix = shape.length === 4 && shape[2] === 1 && shape[3] === 1;
    return (matrix ? shape.slice(0, 2) : shape).join();
  };
  return trimmed(given) === trimmed(expected);
}

/** Shapes of A and B as files have them: [r,in] and [out,r], or [r,in,k,k] and [out,r,1,1]. */
export function fileShapes(base: Declarations, target: LoraTarget) {
  return factorShapes(adapterOf(base, [target]).declarations, target.module);
}

/** Shapes of an adapter's two factors of a module, as files have them. */
export function factorShapes(declarations: Declarations, module: string) {
  const shape = (factor: string) => checkpointShape(declarations[`${module}.${factor}.weight`]!.shape);
  return { a: shape("lora_A"), b: shape("lora_B") };
}
