import type { Command } from "commander";
import type { RunSummary } from "../experiments/runs/list_runs.ts";
import { PROGRAM } from "./context.ts";
import { jsonOption, printResult } from "./options.ts";

interface RunsOptions {
  json?: boolean;
}

/** Adds `adt runs`. */
export function addRuns(program: Command): void {
  program.command("runs")
    .summary("list the runs in a folder")
    .description(
      "Lists the trainings in a folder and below it: how far each has come, its last loss, of watched tunings the look " +
        "with the least Fréchet distance, and what it takes on the disk. Changes nothing.",
    )
    .argument("[folder]", "where to look", "runs")
    .addOption(jsonOption())
    .addHelpText("after", `\nExample:\n  ${PROGRAM} runs runs/studies`)
    .action(async (folder: string, { json }: RunsOptions) => {
      const { listRuns } = await import("../experiments/runs/list_runs.ts");
      const runs = await listRuns(folder);
      if (runs.length === 0 && !json) return console.error(`there are no runs in ${folder}`);
      const { formatTable } = await import("../display/text.ts");
      printResult(json, runs, formatTable(runs.map(rowOf)));
      for (const { fault } of runs) if (fault !== undefined) console.error(fault);
    });
}

function rowOf({ folder, progress, step, steps, loss, best, size, changed }: RunSummary) {
  return {
    run: folder,
    progress,
    updates: progress === "unreadable" ? null : `${step} of ${steps}`,
    loss,
    best: best && `${best.score} ${best.value.toPrecision(4)} at ${best.step}`,
    MB: Math.round(size / 1e6),
    changed: changed?.toISOString().slice(0, 16).replace("T", " "),
  };
}
