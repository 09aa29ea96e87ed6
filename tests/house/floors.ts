/**
 * The floors of `src`, from the ground up. A file imports from its own room and from rooms below it, never from above, and
 * no imports run in a circle.
 * @module
 */

/** Rooms from the ground up; rooms of one line stand beside each other and do not know of each other. */
export const FLOORS: readonly (readonly string[])[] = [
  ["src/runtime"],
  ["src/runtime/tensorflow/kernels"],
  ["src/runtime/tensorflow", "src/runtime/wasm", "src/display"],
  ["src/runtime/install"],
  ["src/runtime/engine"],
  ["src/tensor"],
  ["src/nn", "src/weights"],
  ["src/text", "src/sampling", "src/lora", "src/data"],
  ["src/models"],
  [
    "src/models/autoencoder_kl",
    "src/models/clip",
    "src/models/dinov2",
    "src/models/efficientnet_lite",
    "src/models/inception_v3",
    "src/models/sd3_transformer",
    "src/models/squeezenet",
    "src/models/t5_encoder",
    "src/models/unet2d_condition",
  ],
  ["src/models/by_class"],
  ["src/pipelines/single_file"],
  ["src/training", "src/pipelines", "src/metrics/statistics"],
  ["src/adt", "src/metrics/features"],
  ["src/metrics/distances"],
  ["src/metrics/scores"],
  ["src/experiments/config"],
  ["src/experiments/runs", "src/experiments/report", "src/experiments/parity"],
  ["src/experiments/generate", "src/experiments/pretrain"],
  ["src/experiments/plot", "src/experiments/evaluate"],
  ["src/experiments/tune"],
  ["src/experiments/tune/processes"],
  ["src/experiments/tune/dry_run", "src/experiments/init"],
  ["src/experiments/ablate"],
  ["src/experiments/demo"],
  ["src/cli"],
  ["src/benchmarks", "src/site"],
  ["src/benchmarks/full_size"],
  ["src"],
];

/** What each file imports; paths from the project's root. */
export type Imports = ReadonlyMap<string, readonly string[]>;

/** Everything that is wrong with some imports, a line each. */
export function faultsOf(imports: Imports, floors: typeof FLOORS = FLOORS): string[] {
  const floorOf = new Map(floors.flatMap((rooms, floor) => rooms.map((room) => [room, floor] as const)));
  const faults = new Set<string>();
  for (const [file, imported] of imports) {
    const room = roomOf(file), floor = floorOf.get(room);
    if (floor === undefined) {
      faults.add(`${room}: a room without a floor; give it one in tests/house/floors.ts`);
      continue;
    }
    for (const other of imported) {
      const below = roomOf(other);
      if (below !== room && (floorOf.get(below) ?? floors.length) >= floor) {
        faults.add(`${file} imports ${other}: ${room} does not stand above ${below}`);
      }
    }
  }
  return [...faults, ...circlesOf(imports).map((circle) => `a circle of imports: ${circle.join(" → ")}`)];
}

function roomOf(file: string): string {
  return file.slice(0, file.lastIndexOf("/"));
}

/** One circle for each import that closes one, by depth-first search; the last file is the first again. */
function circlesOf(imports: Imports): string[][] {
  const circles: string[][] = [], path: string[] = [], done = new Set<string>();
  const visit = (file: string) => {
    const start = path.indexOf(file);
    if (start >= 0) circles.push([...path.slice(start), file]);
    if (start >= 0 || done.has(file)) return;
    path.push(file);
    imports.get(file)?.forEach(visit);
    path.pop();
    done.add(file);
  };
  for (const file of imports.keys()) visit(file);
  return circles;
}
