/**
 * `deno task bench:gpu`: what a graphics card does, in a few minutes: the set-up, parity with PyTorch, the ADT step by
 * precision, and a step of Stable Diffusion 1.5 at its real size. Each part is kept when it is done, and one that fails does not
 * keep the others from being measured.
 */
import { Command } from "commander";
import { fileURLToPath } from "node:url";
import { formatTable, type Rows } from "../display/text.ts";
import { doctor, doctorText } from "../runtime/engine/doctor.ts";
import { runCommand } from "../runtime/python.ts";
import { taskCommand } from "../runtime/task_command.ts";
import { GPU_VARIABLE } from "./child.ts";
import { exitCodeOf } from "./failure.ts";
import { writeResult } from "./write_result.ts";

/** One part's outcome. */
interface Part {
  part: string;
  ok: boolean;
  seconds: number;
  /** What the part said: JSON where that is what it prints. */
  result: unknown;
}

interface GpuOptions {
  json: string;
  quick?: boolean;
}

const PARITY = ["unet_sd15", "unet_sdxl", "mmdit_sd3", "vae_sd15", "dinov2", "clip_text"];
const PRECISIONS = ["float32", "bfloat16", "float16"];

const fromRoot = (path: string) => fileURLToPath(new URL(`../../${path}`, import.meta.url));

/** The parts, in order: their names and the arguments of the Deno process that does each. */
function parts(quick: boolean, fullSize: string): [string, string[]][] {
  const step = fromRoot("src/benchmarks/step.ts"), sizes = fromRoot("src/benchmarks/full_size/main.ts");
  return [
    // a card computes float32 products with 10 bits (TF32)
    ...PARITY.map((name): [string, string[]] => [
      `parity of ${name}`,
      [fromRoot("src/cli.ts"), "parity", fromRoot(`tests/fixtures/${name}`), "--tolerance", "0.01"],
    ]),
    ...PRECISIONS.map((precision): [string, string[]] => [
      `ADT step, ${precision}`,
      [step, "--json", "--repeats", "3", "--precision", precision, ...quick ? ["--quick"] : []],
    ]),
    ...quick ? [] : ["float32", "bfloat16"].map((precision): [string, string[]] => [
      `Stable Diffusion 1.5 at 512², ${precision}`,
      [
        sizes,
        "--ours",
        "--only",
        "sd15",
        "--task",
        "adt",
        "image",
        "--precision",
        precision,
        "--json",
        fullSize,
      ],
    ]),
  ];
}

async function run([part, args]: [string, string[]]): Promise<Part> {
  console.error(part);
  const begun = performance.now();
  const { success, stdout, stderr } = await runCommand(Deno.execPath(), ["run", "--quiet", "-A", ...args], {
    [GPU_VARIABLE]: "1",
  });
  const seconds = (performance.now() - begun) / 1000;
  return { part, ok: success, seconds, result: success ? parsed(stdout) : (stderr.trim() || stdout.trim()) };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text.trim();
  }
}

/** Runs all parts; returns the exit code. */
export async function main(args: readonly string[]): Promise<number> {
  try {
    const { json, quick = false } = options(args), done: Part[] = [];
    const keep = async (part: Part) => {
      done.push(part);
      await writeResult(json, JSON.stringify(done, null, 2) + "\n");
    };
    const begun = performance.now(), report = await doctor();
    console.log(doctorText(report));
    await keep({
      part: "doctor",
      ok: report.chosen !== undefined,
      seconds: (performance.now() - begun) / 1000,
      result: report,
    });
    for (const one of parts(quick, json.replace(/(\.json)?$/, ".full-size.json"))) await keep(await run(one));
    console.log(formatTable(rows(done)));
    return done.every(({ ok }) => ok) ? 0 : 1;
  } catch (error) {
    return exitCodeOf(error);
  }
}

function rows(done: readonly Part[]): Rows {
  return done.map(({ part, ok, seconds, result }) => ({
    part,
    ok: ok ? "yes" : "no",
    seconds: Number(seconds.toFixed(1)),
    result: part === "doctor"
      ? ""
      : (typeof result === "string" ? result.split("\n").at(-1)! : JSON.stringify(result)).slice(0, 100),
  }));
}

function options(args: readonly string[]): GpuOptions {
  return new Command(taskCommand("bench:gpu"))
    .description(
      "Measures this project on the graphics card that TensorFlow lists, or on the processor if there is none: doctor, parity " +
        "with PyTorch, the ADT step in each precision, Stable Diffusion 1.5 at its real size.",
    )
    .option("--json <file>", "where the results go, part by part", "runs/gpu.json")
    .option("--quick", "tiny networks, and none of real size: to see that everything runs")
    .helpOption("--help", "print this help")
    .allowExcessArguments(false)
    .showHelpAfterError("(--help shows what is allowed)")
    .exitOverride()
    .parse([...args], { from: "user" })
    .opts<GpuOptions>();
}

if (import.meta.main) Deno.exit(await main(Deno.args));
