import type { Declarations } from "../nn/declare.ts";
import { UserError } from "../runtime/errors.ts";
import { listed } from "../runtime/wording.ts";
import { checkpointShape } from "../weights/layout.ts";
import type { SafetensorsFile } from "../weights/safetensors.ts";
import { adapterOf, type LoraTarget } from "./adapter.ts";
import type { Place } from "./components.ts";
import { type LoraPart, parseLoraKey } from "./file_keys.ts";
import { findLayer, type LayerNames, layerNames, type LoraNetworks, nearestLayer } from "./layer_names.ts";
import { otherMethod } from "./other_methods.ts";

/** One adapted layer of a file: its place, and the names of its tensors. */
export interface LoraEntry {
  readonly place: Place;
  /** The layer's name in the file, without what wraps it. */
  readonly name: string;
  readonly a: string;
  readonly b: string;
  readonly alpha?: string;
}

/** While the tensors are collected. */
interface Candidate {
  readonly name: string;
  readonly places: readonly Place[];
  readonly parts: Partial<Record<LoraPart, string>>;
}

/** A layer whose two factors are there. */
type Pair = Pick<Candidate, "name" | "places"> & Pick<LoraEntry, "a" | "b" | "alpha">;

/**
 * Finds the layers that a LoRA file adapts; reads no weights.
 *
 * @throws UserError that names another method than plain LoRA, or some of the tensors without a layer, the halves of a
 * pair, the layers of which the file does not say whose they are, the wrong shapes
 */
export function loraEntries(file: SafetensorsFile, networks: LoraNetworks): LoraEntry[] {
  refuseOtherMethods(file);
  const pairs = paired(file, collect(file, layerNames(networks), networks));
  const entries = decided(file, pairs, networks);
  checkShapes(file, entries, networks);
  return entries;
}

function refuseOtherMethods({ path, entries }: SafetensorsFile): void {
  const keys = [...entries.keys()], methods = new Map<string, string[]>();
  for (const key of keys) {
    const method = otherMethod(key);
    if (method) methods.set(method, [...methods.get(method) ?? [], key]);
  }
  if (methods.size > 0) {
    const found = [...methods].map(([method, keys]) =>
      `${method} (tensors of it: ${keys.length}, such as ${keys[0]})`
    );
    throw new UserError(
      `${path} holds ${listed(found, " and ", 3)}; only plain LoRA is supported: ` +
        "merge it into its model with the tool that made it, and give that model",
    );
  }
  if (keys.length === 0) throw new UserError(`${path} holds no LoRA: it has no tensors`);
  if (!keys.some(parseLoraKey)) {
    throw new UserError(
      `${path} holds no LoRA: none of its ${keys.length} tensors is a factor of one (the first is ${
        keys[0]
      }); are they the ` +
        "weights of a whole model? Then give them as the model",
    );
  }
}

function collect(file: SafetensorsFile, names: LayerNames, networks: LoraNetworks): Candidate[] {
  const found = new Map<string, Candidate>(), unknown = new Map<string, string[]>(), again: string[] = [];
  for (const key of file.entries.keys()) {
    const parsed = parseLoraKey(key), path = parsed?.path ?? key;
    const layer = parsed && findLayer(path, names);
    if (layer) {
      const entry = found.get(path) ?? { ...layer, parts: {} };
      if (entry.parts[parsed.part]) again.push(`${entry.parts[parsed.part]} and ${key}`);
      entry.parts[parsed.part] = key;
      found.set(path, entry);
    } else unknown.set(path, [...unknown.get(path) ?? [], key]);
  }
  if (unknown.size > 0) throw unknownKeys(file.path, unknown, names, networks);
  if (again.length > 0) {
    throw new UserError(
      `${file.path} holds more than one adapter: ${
        listed(again, "; ", 3)
      }; write each to a file of its own and give them ` +
        "one after the other",
    );
  }
  return [...found.values()];
}

function unknownKeys(
  path: string,
  unknown: Map<string, string[]>,
  names: LayerNames,
  networks: LoraNetworks,
): UserError {
  const most = 5, layers = [...unknown];
  const lines = layers.map(([layer, keys], i) => {
    const nearest = i <= most ? nearestLayer(layer, names) : undefined; // the search takes its time
    return `  ${listed(keys, ", ", 3)}${nearest === undefined ? "" : ` (nearest: ${nearest})`}`;
  });
  return new UserError(
    `${path}: ${[...unknown.values()].flat().length} tensors belong to no layer of ${
      Object.keys(networks).join(", ") || "no network"
    }:\n${listed(lines, "\n", most)}\nIs it a LoRA for this model?`,
  );
}

function paired(file: SafetensorsFile, found: readonly Candidate[]): Pair[] {
  const halves = found.filter(({ parts: { A, B } }) => !A || !B);
  if (halves.length === 0) {
    return found.map(({ name, places, parts: { A, B, alpha } }) => ({ name, places, a: A!, b: B!, alpha }));
  }
  const lines = halves.map(({ parts: { A, B, alpha } }) => {
    const missing = [A ? [] : ["A (down)"], B ? [] : ["B (up)"]].flat();
    return `  ${A ?? B ?? alpha}: there is no ${missing.join(" and no ")}`;
  });
  throw new UserError(`${file.path} is incomplete:\n${listed(lines, "\n")}`);
}

/** The places, where a name fits layers of several networks by the shapes. */
function decided(file: SafetensorsFile, pairs: readonly Pair[], networks: LoraNetworks): LoraEntry[] {
  const open: string[] = [];
  const entries = pairs.map(({ places, ...pair }) => {
    const fitting = places.filter((place) => shapeFaults(file, { ...pair, place }, networks).length === 0);
    if (fitting.length > 1) {
      open.push(`  ${pair.a} (${fitting.map(({ component }) => component).join(" or ")})`);
    }
    return { ...pair, place: (fitting[0] ?? places[0])! };
  });
  if (open.length === 0) return entries;
  throw new UserError(
    `${file.path} does not say whose layers these are:\n${
      listed(open, "\n")
    }\nWrite the network's name and a dot before ` +
      "their names",
  );
}

function checkShapes(file: SafetensorsFile, entries: readonly LoraEntry[], networks: LoraNetworks): void {
  const faults = entries.flatMap((entry) => shapeFaults(file, entry, networks));
  if (faults.length === 0) return;
  throw new UserError(
    `${file.path} is a LoRA for another model; ${faults.length} misshaped:\n${listed(faults, "\n")}`,
  );
}

function shapeFaults(
  file: SafetensorsFile,
  { place, a, b, alpha }: LoraEntry,
  networks: LoraNetworks,
): string[] {
  const shapeOf = (key: string) => file.entries.get(key)!.shape;
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
