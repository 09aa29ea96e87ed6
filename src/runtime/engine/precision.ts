import { createHash } from "node:crypto";
import { dirname, join } from "node:path";
import { cacheFolder } from "../cache_folder.ts";
import { UserError } from "../errors.ts";
import { type ComputePrecision, type Precision, PRECISIONS } from "../precision.ts";
import { AttributeKind } from "../tensorflow/attributes.ts";
import { backend } from "../tensorflow/backend.ts";
import { lowType } from "../tensorflow/precision.ts";
import { session } from "../tensorflow/session.ts";
import { firstPage } from "../system_library.ts";
import { DataType } from "../tensorflow/tensors.ts";
import type { Backend } from "./backends.ts";

/** What products are computed in, and why. */
export interface ChosenPrecision {
  precision: ComputePrecision;
  /** Why it is not what was asked for, or how "auto" was decided; absent where nothing has to be said. */
  reason?: string;
}

/** "auto" takes a low type that makes products so many times as fast at least: casts and rounding have their price. */
const WORTHWHILE = 1.3;

/**
 * A precision by name.
 *
 * @throws UserError for a name that is none
 */
export function precisionNamed(name: string): Precision {
  const known = PRECISIONS.find((precision) => precision === name);
  if (known) return known;
  throw new UserError(
    `Unknown precision "${name}"; choose one of ${PRECISIONS.join(", ")} (by --precision or ADT_PRECISION).`,
  );
}

/**
 * What an engine that runs computes products in. "auto" measures, in a second, what this machine gains by bfloat16, or by
 * float16 on a card without it; what was measured is kept in the cache.
 */
export async function choosePrecision(wanted: Precision, engine: Backend): Promise<ChosenPrecision> {
  if (engine !== "tensorflow") {
    return {
      precision: "float32",
      ...wanted !== "float32" && { reason: `${engine} computes in float32 only` },
    };
  }
  if (wanted === "auto") return fastest(await knownGains());
  const slow = wanted === "float16" && session().context.gpu === undefined;
  return {
    precision: wanted,
    ...slow &&
      { reason: "as asked for, though processors compute it slowly; bfloat16 is the low type for them" },
  };
}

/** How many times as fast as in float32 products are. */
type Gains = Partial<Record<ComputePrecision, number>>;

function fastest(gains: Gains): ChosenPrecision {
  const low = (["bfloat16", "float16"] as const).find((type) => (gains[type] ?? 0) >= WORTHWHILE);
  const measured = Object.entries(gains).map(([type, gain]) => `${type} ${gain!.toFixed(1)} times as fast`);
  return {
    precision: low ?? "float32",
    reason: measured.length ? `products were measured: in ${measured.join(", in ")}` : "no other type works",
  };
}

async function knownGains(): Promise<Gains> {
  const { context } = session();
  const processor = /^model name.*$/m.exec(firstPage("/proc/cpuinfo") ?? "")?.[0];
  const machine = [processor, navigator.hardwareConcurrency, context.devices];
  const name = createHash("sha256").update(JSON.stringify(machine)).digest("hex").slice(0, 16);
  const path = join(cacheFolder(), `precision-${name}.json`);
  try {
    return JSON.parse(await Deno.readTextFile(path)) as Gains;
  } catch {
    const gains = measuredGains(context.gpu !== undefined);
    await keep(path, gains);
    return gains;
  }
}

/** Where nothing may be written, it is measured every time. */
async function keep(path: string, gains: Gains): Promise<void> {
  try {
    await Deno.mkdir(dirname(path), { recursive: true });
    await Deno.writeTextFile(path, JSON.stringify(gains));
  } catch {
    // the measurement is good nevertheless
  }
}

/** float16 is for cards: on processors its products are slow, and its small range needs care. */
function measuredGains(gpu: boolean): Gains {
  const types = gpu ? ["bfloat16", "float16"] as const : ["bfloat16"] as const;
  const float = productSeconds("float32");
  if (float === undefined) return {};
  return Object.fromEntries(types.flatMap((type) => {
    const seconds = productSeconds(type);
    return seconds === undefined ? [] : [[type, float / seconds]];
  }));
}

const SIZE = 1024, ROUNDS = 6;

/** Seconds of the fastest product of two square matrices; undefined where TensorFlow cannot compute it. */
function productSeconds(precision: ComputePrecision): number | undefined {
  const { binding } = backend(), type = lowType(precision);
  const kind = (name: string, value: number) => ({ name, type: AttributeKind.type, value });
  const ones = binding.createTensor([SIZE, SIZE], DataType.float, new Float32Array(SIZE * SIZE).fill(1));
  const ids = [ones];
  try {
    const [low] = binding.executeOp("Cast", [kind("SrcT", DataType.float), kind("DstT", type)], [ones], 1);
    ids.push(low!.id);
    let best = Infinity;
    for (let round = 0; round < ROUNDS; round++) {
      const begun = performance.now();
      const [product] = binding.executeOp("MatMul", [kind("T", type)], [low!.id, low!.id], 1);
      binding.tensorDataSync(product!.id);
      best = Math.min(best, performance.now() - begun);
      binding.deleteTensor(product!.id);
    }
    return best / 1000;
  } catch {
    return undefined;
  } finally {
    for (const id of ids) binding.deleteTensor(id);
  }
}
