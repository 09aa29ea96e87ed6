import type { Declarations } from "../../nn/declare.ts";
import { UserError } from "../../runtime/errors.ts";
import { listed } from "../../runtime/wording.ts";
import { checkpointShape } from "../../weights/layout.ts";
import type { SafetensorsFile } from "../../weights/safetensors.ts";
import type { StoredSource, TensorSource } from "../../weights/serialize.ts";
import type { Component } from "./families.ts";
import type { Place } from "./places.ts";
import { storedSource } from "./stored_source.ts";

/** What the original code saved beside the weights, which follows from sizes or takes no part in an image. */
const LEFT_OUT = /(^|\.)(position_ids|logit_scale|loss\..+|model_ema\..+|text_projection(\.weight)?)$/;
/** The second name of T5's token table. */
const T5_TABLE = "encoder.embed_tokens.weight";

/**
 * Where each weight of a component comes from.
 *
 * @param described names, in errors, what describes the component
 * @returns what to write, by diffusers' names
 * @throws UserError that lists what the file lacks, what does not fit and what is too much
 */
export function planComponent(
  file: SafetensorsFile,
  { prefix, folder, places }: Component,
  declarations: Declarations,
  described: string,
): Record<string, TensorSource | StoredSource> {
  const sources: Record<string, TensorSource | StoredSource> = {}, used = new Set<string>();
  const missing: string[] = [], misshaped: string[] = [];
  for (const [name, declared] of Object.entries(declarations)) {
    const candidates = places(declarations, name), expected = checkpointShape(declared.shape);
    const place = candidates.find((one) => file.entries.has(prefix + one.name)) ??
      candidates.find((one) => one.orIdentity && expected[0] === expected[1]);
    if (!place) {
      missing.push(prefix + (candidates[0]?.name ?? name));
      continue;
    }
    used.add(prefix + place.name);
    const entry = file.entries.get(prefix + place.name), stored = entry && shapeAt(place, entry.shape);
    if (stored && withoutOnes(stored) !== withoutOnes(expected)) {
      misshaped.push(`${prefix}${place.name} [${entry.shape}], expected [${expected}]`);
    } else {
      sources[name] = entry
        ? storedSource(file, prefix + place.name, place, expected)
        : { shape: expected, dtype: "F32", load: () => identity(expected[0]!) };
    }
  }
  const unexpected = [...file.entries.keys()].filter((name) =>
    name.startsWith(prefix) && !used.has(name) && !LEFT_OUT.test(name) && name !== prefix + T5_TABLE
  );
  const faults = Object.entries({ missing, misshaped, unexpected }).filter(([, names]) => names.length > 0)
    .map(([kind, names]) => `${names.length} ${kind}: ${listed(names, ", ", 3)}`);
  if (faults.length === 0) return sources;
  throw new UserError(`${file.path} does not fit the ${folder} that ${described}: ${faults.join("; ")}`);
}

function shapeAt({ third, transposed }: Place, shape: readonly number[]): readonly number[] {
  if (transposed) return shape.toReversed();
  return third === undefined ? shape : [shape[0]! / 3, ...shape.slice(1)];
}

/** 1×1 convolutions and linear layers hold the same numbers. */
function withoutOnes(shape: readonly number[]): string {
  return shape.join().replace(/,1,1$/, "");
}

function identity(side: number): Float32Array<ArrayBuffer> {
  const out = new Float32Array(side * side);
  for (let i = 0; i < side; i++) out[i * (side + 1)] = 1;
  return out;
}
