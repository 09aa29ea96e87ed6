/** `deno task bench`: this project against PyTorch + diffusers. */
import { formatTable } from "../display/text.ts";
import { webgpuAdapter } from "../runtime/engine/webgpu.ts";
import { type BenchmarkCase, benchmarkCases, selectCases } from "./cases.ts";
import { commandOf } from "./commands.ts";
import { writeDocumentation } from "./documentation.ts";
import { exitCodeOf } from "./failure.ts";
import type { Job } from "./job.ts";
import { jobWriter } from "./jobs.ts";
import { type Contestant, measure } from "./measure.ts";
import { type BenchOptions, parseBenchOptions } from "./options.ts";
import { benchmarkPage } from "./page.ts";
import { preparePytorch } from "./pytorch.ts";
import { type BenchmarkResults, type CaseResult, machine } from "./results.ts";
import { roleOf } from "./sides.ts";
import { LEGEND, skippedLines, tableRows } from "./tables.ts";
import { targetsOf } from "./targets.ts";
import { withTemporaryFolder } from "./temporary_folder.ts";
import { TOLERANCE_TEXT, toleranceOf } from "./tolerance.ts";
import { writeResult } from "./write_result.ts";

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
    const writeJob = jobWriter(folder, { quick, repetitions });
    for (const [i, one] of cases.entries()) {
      const log = (line: string) => console.error(`[${i + 1}/${cases.length}] ${one.name}: ${line}`);
      log("preparing weights and inputs");
      results.cases.push(await runCase(one, await writeJob(one), python, repeatsOf(one), log));
      results.targets = quick ? [] : targetsOf(results.cases);
      await save(results, options.json);
    }
  });
  if (only.length === 0 && !quick && python) await writeDocumentation(results);
  return results;
}

async function runCase(
  one: BenchmarkCase,
  job: Job,
  python: string | undefined,
  repeats: number,
  log: (line: string) => void,
): Promise<CaseResult> {
  const contestants: Contestant[] = [];
  for (const side of one.sides) {
    const command = await commandOf(job, side, python, one.checked + repeats);
    const { name, precision, implementation } = side, role = roleOf(side);
    const mayFail = implementation.kind === "pytorch" && implementation.compiled;
    if (command) contestants.push({ name, command, role, precision, mayFail });
  }
  const { name, title, task, samplingSteps, gradSteps } = one;
  return { name, title, task, samplingSteps, gradSteps, ...await measure(contestants, repeats, log) };
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
  console.log(`${LEGEND} ${TOLERANCE_TEXT}`);
  skippedLines(cases).forEach((line) => console.log(line));
  for (const { name, value, goal } of targets) {
    console.log(`${value <= goal ? "reached" : "missed "}  ${name}: ${value} (target: at most ${goal})`);
  }
  console.error(`results: ${json}, figures: ${pagePath(json)}`);
  const off = cases.flatMap(({ name, measurements }) =>
    measurements.filter((m) => (m.disagreement ?? 0) > toleranceOf(m.precision))
      .map((m) => ({
        words: `${name} (${m.side})`,
        rounding: m.role !== "ours" && m.precision !== "float32",
      }))
  );
  const listed = (rounding: boolean) =>
    off.filter((one) => one.rounding === rounding).map(({ words }) => words).join(", ");
  if (listed(true)) console.error(`PyTorch itself rounds more than is allowed in ${listed(true)}`);
  if (!listed(false)) return 0;
  console.error(`error: the sides do not compute the same in ${listed(false)}: their times do not compare`);
  return 1;
}

if (import.meta.main) Deno.exit(await main(Deno.args));
