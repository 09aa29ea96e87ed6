/** `deno task bench`: this project against PyTorch + diffusers. */
import { join } from "node:path";
import { formatTable } from "../display/text.ts";
import { webgpuAdapter } from "../runtime/engine/webgpu.ts";
import { type BenchmarkCase, benchmarkCases, jobOf, ourCommand, selectCases, type Side } from "./cases.ts";
import { writeDocumentation } from "./documentation.ts";
import { exitCodeOf } from "./failure.ts";
import { writeJobFiles } from "./files.ts";
import type { JobFiles } from "./job.ts";
import { type Contestant, measure } from "./measure.ts";
import { type BenchOptions, parseBenchOptions } from "./options.ts";
import { benchmarkPage } from "./page.ts";
import { preparePytorch, pytorchCommand } from "./pytorch.ts";
import { type BenchmarkResults, type CaseResult, machine, tableRows, targetsOf } from "./results.ts";
import { FULL, QUICK, SMALL } from "./sizes.ts";
import { withTemporaryFolder } from "./temporary_folder.ts";
import { writeResult } from "./write_result.ts";

/** Outputs that differ more than by rounding: the two sides do not compute the same. */
const TOLERANCE = 1e-3;

/** Runs the benchmarks that the arguments name; returns the exit code. */
export async function main(args: readonly string[]): Promise<number> {
  try {
    const options = parseBenchOptions(args);
    const results = await runBenchmarks(options);
    return report(results, options);
  } catch (error) {
    return exitCodeOf(error);
  }
}

async function runBenchmarks(options: BenchOptions): Promise<BenchmarkResults> {
  const { only, quick } = options;
  const cases = selectCases(benchmarkCases({ webgpu: await webgpuAdapter() !== undefined }), only);
  const python = options.pytorch ? await preparePytorch(console.error) : undefined;
  const results: BenchmarkResults = {
    date: new Date().toISOString().slice(0, 10),
    machine: machine(),
    quick,
    cases: [],
    targets: [],
  };
  const repeatsOf = ({ repeats }: BenchmarkCase) => options.repeats ?? repeats;
  const repetitions = Math.max(...cases.map((one) => one.checked + repeatsOf(one)));
  await withTemporaryFolder(async (folder) => {
    const files = new Map<string, JobFiles>();
    for (const [i, one] of cases.entries()) {
      const log = (line: string) => console.error(`[${i + 1}/${cases.length}] ${one.name}: ${line}`);
      const size = quick ? QUICK : one.size === "small" ? SMALL : FULL;
      if (!files.has(one.size)) {
        log("writing random weights and inputs");
        files.set(one.size, await writeJobFiles(join(folder, one.size), size, repetitions));
      }
      results.cases.push(await runCase(one, files.get(one.size)!, python, repeatsOf(one), log));
      results.targets = quick ? [] : targetsOf(results.cases);
      await save(results, options.json);
    }
  });
  if (only.length === 0 && !quick && python) await writeDocumentation(results);
  return results;
}

async function runCase(
  one: BenchmarkCase,
  files: JobFiles,
  python: string | undefined,
  repeats: number,
  log: (line: string) => void,
): Promise<CaseResult> {
  const contestants: Contestant[] = [];
  for (const side of one.sides) {
    const command = await commandOf(one, side, files, python, one.checked + repeats);
    const { kind } = side.implementation, keeping = kind === "pytorch" && side.implementation.keepGraphs;
    if (command) contestants.push({ name: side.name, command, reference: kind === "pytorch" && !keeping });
  }
  const { name, title, samplingSteps, gradSteps } = one;
  return { name, title, samplingSteps, gradSteps, measurements: await measure(contestants, repeats, log) };
}

/** None for PyTorch's side where PyTorch is left out. */
async function commandOf(
  one: BenchmarkCase,
  side: Side,
  files: JobFiles,
  python: string | undefined,
  repetitions: number,
) {
  const job = jobOf(one, side, files), { implementation } = side;
  if (implementation.kind === "ours") return ourCommand({ ...job, backend: implementation.backend });
  return python && await pytorchCommand(python, job, repetitions, implementation.keepGraphs);
}

async function save(results: BenchmarkResults, json: string): Promise<void> {
  await writeResult(json, JSON.stringify(results, null, 2) + "\n");
  await writeResult(pagePath(json), await benchmarkPage(results));
}

/** Beside the JSON file. */
function pagePath(json: string): string {
  return json.replace(/\.json$/, "") + ".html";
}

function report({ cases, targets }: BenchmarkResults, { json }: BenchOptions): number {
  console.log(formatTable(tableRows(cases)));
  console.log(
    "Times in ms; × is the ratio to PyTorch (of the minimal times); the sides' outputs differ by the given share.",
  );
  for (const { name, value, goal } of targets) {
    console.log(`${value <= goal ? "reached" : "missed "}  ${name}: ${value} (target: at most ${goal})`);
  }
  console.error(`results: ${json}, figures: ${pagePath(json)}`);
  const wrong = cases.filter(({ measurements }) =>
    measurements.some((m) => (m.disagreement ?? 0) > TOLERANCE)
  );
  if (wrong.length === 0) return 0;
  console.error(
    `error: the two sides do not compute the same in ${
      wrong.map(({ name }) => name).join(", ")
    }: their times do not compare`,
  );
  return 1;
}

if (import.meta.main) Deno.exit(await main(Deno.args));
