import { UserError } from "../runtime/errors.ts";
import { type Job, OPS } from "./job.ts";
import { LAYERS, type LayerSizes } from "./layers.ts";
import { ALL_PEERS, BOTH_PRECISIONS, KEEPING, ours, PAIR, pytorch, type Side } from "./sides.ts";
import type { SizeName } from "./sizes.ts";

/** One row of measurements: the same work done by several implementations. */
export interface BenchmarkCase {
  name: string;
  /** What is measured, in words. */
  title: string;
  task: Job["task"];
  /** Of the networks. */
  size: SizeName;
  /** What is measured in place of networks. */
  layer?: { sizes: LayerSizes; gradients: boolean };
  /** T and K of an ADT step. */
  samplingSteps: number;
  gradSteps: number;
  /** First repetitions, see `Job`. */
  checked: number;
  /** Timed repetitions, unless the user wants another number. */
  repeats: number;
  sides: readonly Side[];
}

/** Of the cases whose time matters. The second step has the weights that the first one gave. */
const THOROUGH = { checked: 2, repeats: 5 };
/** Of those that show how memory grows: one step to warm up, one to measure. */
const BRIEF = { checked: 1, repeats: 1 };

function thorough(name: string, title: string, task: Job["task"], sides: readonly Side[]): BenchmarkCase {
  return { name, title, task, size: "full", samplingSteps: 1, gradSteps: 1, ...THOROUGH, sides };
}

function adt(name: string, samplingSteps: number, gradSteps: number): BenchmarkCase {
  const title = `ADT step, T = ${samplingSteps}, K = ${gradSteps}`;
  return { name, title, task: "adt-step", size: "full", samplingSteps, gradSteps, ...BRIEF, sides: PAIR };
}

/** A layer's forward pass, and with the gradients of all that it takes. PyTorch's compiler would fuse whole chains. */
function layerCases(sizes: LayerSizes): BenchmarkCase[] {
  const one = (suffix: string, words: string, gradients: boolean): BenchmarkCase => ({
    ...thorough(`layers-${sizes.name}${suffix}`, sizes.title + words, "layer", BOTH_PRECISIONS),
    layer: { sizes, gradients },
  });
  return [one("", "", false), one("-gradients", ", with gradients", true)];
}

/** Every case, in the order in which they run. `webgpu`: whether there is an adapter for it. */
export function benchmarkCases({ webgpu }: { webgpu: boolean }): BenchmarkCase[] {
  const binding = ours("ours, the binding");
  const engines = ["tensorflow", "wasm", ...webgpu ? ["webgpu"] as const : []] as const;
  return [
    thorough("unet-forward", "UNet forward", "unet-forward", ALL_PEERS),
    thorough("unet-training", "UNet training step", "unet-training", ALL_PEERS),
    { ...adt("adt-step", 10, 2), ...THOROUGH, sides: [...ALL_PEERS, KEEPING] },
    {
      ...adt("adt-step-plain", 10, 2),
      ...THOROUGH,
      title: "ADT step, outermost blocks without attention",
      size: "plain",
      sides: ALL_PEERS,
    },
    ...[5, 20, 50].map((steps) => adt(`adt-t${steps}`, steps, 2)),
    ...[1, 4].map((steps) => adt(`adt-k${steps}`, 10, steps)),
    { ...adt("adt-k8", 10, 8), sides: [...PAIR, KEEPING] },
    thorough("op-overhead", `one op of a small tensor, mean of ${OPS}`, "ops", [
      { ...binding, implementation: { kind: "ours", backend: "tensorflow", through: "binding" } },
      ours("ours, tf.add"),
      pytorch("PyTorch, torch.add"),
    ]),
    {
      ...thorough("engines", "training step of a small UNet on each engine", "unet-training", [
        ...engines.map((backend) => ours(`ours, ${backend}`, backend)),
        pytorch("PyTorch"),
      ]),
      size: "small",
    },
    ...LAYERS.flatMap(layerCases),
  ];
}

/**
 * The cases of the given names; a name that no case has may be the beginning of several, up to a hyphen: "adt" is all of
 * "adt-…".
 *
 * @param names none selects all
 * @throws UserError for a name that selects nothing
 */
export function selectCases(cases: readonly BenchmarkCase[], names: readonly string[]): BenchmarkCase[] {
  if (names.length === 0) return [...cases];
  const selected = new Set(names.flatMap((wanted) => {
    const exact = cases.filter(({ name }) => name === wanted);
    const found = exact.length > 0 ? exact : cases.filter(({ name }) => name.startsWith(`${wanted}-`));
    if (found.length > 0) return found;
    throw new UserError(
      `no benchmark is called ${wanted}; there are ${cases.map(({ name }) => name).join(", ")}`,
    );
  }));
  return cases.filter((one) => selected.has(one));
}
