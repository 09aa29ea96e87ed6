import type { Command } from "commander";
import type { FailedRun } from "../experiments/ablate/failures.ts";
import type { Plan } from "../experiments/ablate/plan.ts";
import type { Study } from "../experiments/ablate/study.ts";
import { UserError } from "../runtime/errors.ts";
import { type CommandContext, commandLine, PROGRAM, startChosenEngine } from "./context.ts";
import { INTERRUPTED, stopOnInterrupt } from "./interrupt.ts";
import { type GlobalOptions, jsonOption, printResult, wholeNumber } from "./options.ts";

interface AblateCommandOptions extends GlobalOptions {
  dryRun?: boolean;
  jobs: number;
  json?: boolean;
}

/** Adds `adt ablate`. */
export function addAblate(program: Command, context: CommandContext): void {
  program.command("ablate")
    .summary("tune and compare many variants of a configuration")
    .description(
      "Runs a study: tunes every arm of a YAML file with every seed, scores all models on images from the same noise, and " +
        "writes tables (CSV, JSON) and a report into the study's folder: scores with 95 % confidence intervals, paired " +
        "differences from the reference arms, samples, curves, costs, and the settings in which the arms differ. Stopped by " +
        "Ctrl-C or killed, the same command goes on where it was; finished runs and evaluations are never repeated. " +
        "A run that diverges fails, and the others go on.",
    )
    .argument("<study>", "YAML file of the study")
    .option("--dry-run", "print the runs and about how long they take; nothing is kept")
    .option(
      "--jobs <number>",
      "trainings at a time, each in a process of its own; fewer where memory is short",
      wholeNumber(1),
      1,
    )
    .addOption(jsonOption())
    .addHelpText(
      "after",
      `\nExample:\n  ${PROGRAM} ablate data/studies/headline.yaml --jobs 2\n\n` +
        "The file: `base`, a tune configuration; `arms`, what each changes in it; `references`, `seeds`, `evaluate`, `output`.",
    )
    .action(async (file: string, _: unknown, command: Command) => {
      const { dryRun, jobs, json, ...options } = command.optsWithGlobals<AblateCommandOptions>();
      const { loadStudy } = await import("../experiments/ablate/study.ts");
      const planned = await loadStudy(file); // what is wrong in it is said before an engine starts
      if (dryRun) {
        const plan = await planOf(planned, options);
        return printResult(json, plan, plan.text);
      }
      await startChosenEngine(options);
      const { ablate } = await import("../experiments/ablate/ablate.ts");
      const { formatTable } = await import("../display/text.ts");
      using interrupt = stopOnInterrupt();
      const { study, finished, failed, table, report } = await ablate(file, {
        processes: jobs,
        signal: interrupt.signal,
      });
      const runs = finished.map(({ run: { arm, seed, config } }) => ({
        arm: arm.name,
        seed,
        folder: config.output,
      }));
      const failures = failed.map(({ run: { arm, seed }, why }) => ({ arm: arm.name, seed, why }));
      const text = `${formatTable(table)}\n\nreport: ${report}`;
      printResult(json, { table, finished: runs, failed: failures, report }, text);
      if (finished.length + failed.length === study.runs.length) {
        if (failed.length > 0) throw new UserError(failedText(failed, study));
        return;
      }
      console.error(
        `stopped after ${finished.length} of ${study.runs.length} runs; all is kept in ${study.output}. Go on with:\n  ` +
          commandLine(context.args),
      );
      context.exitCode = INTERRUPTED;
    });
}

/** Which runs failed, and how they may be tried again. */
function failedText(failed: readonly FailedRun[], { runs }: Study): string {
  const lines = failed.map(({ run: { arm, seed }, why }) => `\n  ${arm.name}, seed ${seed}: ${why}`);
  return `${failed.length} of ${runs.length} runs failed:${lines.join("")}\n` +
    "the same command tries an arm again once its settings have changed, such as optimizer.lr";
}

/** The plan; where no finished run tells how long one takes, a few updates and images are timed (of a pipeline none). */
async function planOf(study: Study, options: GlobalOptions): Promise<Plan> {
  const { planStudy } = await import("../experiments/ablate/plan.ts");
  const plan = await planStudy(study);
  const { tunesPipeline } = await import("../experiments/tune/config.ts");
  if (plan.seconds !== null || study.arms.some(({ config }) => tunesPipeline(config))) return plan;
  await startChosenEngine(options);
  const { measureSpeeds } = await import("../experiments/ablate/speeds.ts");
  return await planStudy(study, await measureSpeeds(study));
}
