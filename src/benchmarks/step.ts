/** `deno task bench:step`: time and memory of this project's ADT step, as one line. */
import { Command, Option } from "commander";
import { backendOption, type GlobalOptions, wholeNumber } from "../cli/options.ts";
import type { Backend } from "../runtime/engine/backends.ts";
import type { Precision } from "../runtime/precision.ts";
import { UserError } from "../runtime/errors.ts";
import { taskCommand } from "../runtime/task_command.ts";
import { ourCommand } from "./commands.ts";
import { exitCodeOf } from "./failure.ts";
import { type GivenModels, writeJobFiles } from "./files.ts";
import { measure, type Measurement, timeText } from "./measure.ts";
import { FULL, QUICK } from "./sizes.ts";
import { withTemporaryFolder } from "./temporary_folder.ts";

/** Options of `deno task bench:step`. */
export interface StepOptions extends GlobalOptions, GivenModels {
  steps: number;
  gradSteps: number;
  batch: number;
  tokens?: number;
  repeats: number;
  precision?: Precision;
  quick?: boolean;
  json?: boolean;
}

/**
 * Reads the arguments of `deno task bench:step`.
 *
 * @throws CommanderError for wrong usage, and after `--help`
 */
export function parseStepOptions(args: readonly string[]): StepOptions {
  return new Command(taskCommand("bench:step"))
    .description(
      "Measures one step of adversarial diffusion tuning: all weights of the UNet tuned by AdamW, gradient stopped at the " +
        "network's input, roll-outs from pure noise. Progress goes to stderr.",
    )
    .option("--steps <number>", "T: sampling steps of the roll-out", wholeNumber(1), 10)
    .option("--grad-steps <number>", "K: trained steps among them", wholeNumber(1), 2)
    .option("--batch <number>", "images per step", wholeNumber(1), FULL.batch)
    .option(
      "--unet <folder>",
      "UNet2DConditionModel in diffusers' layout (default: 17 M random weights, 32×32)",
    )
    .option(
      "--backbone <folder>",
      "Dinov2Model in transformers' layout (default: random weights, 6 blocks of width 192)",
    )
    .option("--tokens <number>", "condition tokens per image (default: 77)", wholeNumber(1))
    .option("--repeats <number>", "timed steps, after two to warm up", wholeNumber(1), 5)
    .option("--quick", "tiny networks instead of the default ones")
    .option("--json", 'print {"step_ms", "peak_mib", "backend"} and nothing else')
    .addOption(backendOption())
    .addOption(
      new Option(
        "--precision <name>",
        "numbers in which networks compute (default: ADT_PRECISION, or else float32)",
      )
        .choices(["float32", "bfloat16", "float16", "auto"]),
    )
    .helpOption("--help", "print this help")
    .allowExcessArguments(false)
    .showHelpAfterError("(--help shows what is allowed)")
    .exitOverride()
    .parse([...args], { from: "user" })
    .opts<StepOptions>();
}

/** Steps that warm the process up. */
const CHECKED = 2;

/**
 * Measures steps of this project's own side in a process of their own.
 *
 * @throws UserError when more steps are to be trained than there are
 */
export async function measureStep(options: StepOptions, log: (line: string) => void): Promise<Measurement> {
  const { steps, gradSteps, batch, repeats, unet, backbone } = options, size = options.quick ? QUICK : FULL;
  if (gradSteps > steps) {
    throw new UserError(`--grad-steps ${gradSteps} of --steps ${steps}: at most all of them can be trained`);
  }
  const backend = options.backend ?? (Deno.env.get("ADT_BACKEND") || "auto") as Backend | "auto";
  const precision = options.precision ?? (Deno.env.get("ADT_PRECISION") || "float32") as Precision;
  return await withTemporaryFolder(async (folder) => {
    log("writing random weights and inputs");
    const sized = { ...size, batch, tokens: options.tokens ?? size.tokens };
    const files = await writeJobFiles(folder, sized, CHECKED + repeats, { unet, backbone });
    const job = { task: "adt-step", files, samplingSteps: steps, gradSteps, checked: CHECKED } as const;
    const command = ourCommand({ ...job, backend, precision });
    const contestant = { name: "ADT step", command, role: "ours", precision } as const;
    const { measurements } = await measure([contestant], repeats, log);
    return measurements[0]!;
  });
}

/** What `--json` prints: the median time of a step, the process's peak memory in MiB, and what computed. */
export function stepLine({ wall_ms, peak_mib, engine }: Measurement): string {
  return JSON.stringify({
    step_ms: Number(wall_ms.median.toPrecision(6)),
    peak_mib,
    backend: engine.backend,
  });
}

/** Runs the command; returns the exit code. */
export async function main(args: readonly string[]): Promise<number> {
  try {
    const options = parseStepOptions(args), measurement = await measureStep(options, console.error);
    const { wall_ms, peak_mib, engine } = measurement;
    const words =
      `${timeText(wall_ms.median)} a step (median; minimum ${timeText(wall_ms.min)}), peak memory ` +
      `${peak_mib} MiB, ${engine.description}`;
    console.log(options.json ? stepLine(measurement) : words);
    return 0;
  } catch (error) {
    return exitCodeOf(error);
  }
}

if (import.meta.main) Deno.exit(await main(Deno.args));
