import type { Command } from "commander";
import { PROGRAM } from "./context.ts";

interface PlotCommandOptions {
  output?: string;
  csv?: string;
}

/** Adds `adt plot`. */
export function addPlot(program: Command): void {
  program.command("plot")
    .summary("compare runs on a page")
    .description(
      "Draws trainings beside each other: losses, scores of watched tunings, a film of the pictures that their validation " +
        "drew, and the settings in which they differ. The page is one file that needs nothing else.",
    )
    .argument("<run...>", "folders of runs, or with runs below them")
    .option("--output <file>", "the page (default: runs.html, or none with --csv)")
    .option("--csv <file>", "write the numbers: a line for each update of each run")
    .addHelpText(
      "after",
      `\nExamples:\n  ${PROGRAM} plot runs/mine runs/other --output compared.html\n` +
        `  ${PROGRAM} plot runs/studies/parts --csv parts.csv`,
    )
    .action(async (folders: string[], { output, csv }: PlotCommandOptions) => {
      const page = output ?? (csv === undefined ? "runs.html" : undefined);
      const { checkParentFolder } = await import("../experiments/runs/write_json.ts");
      for (const path of [page, csv]) if (path !== undefined) await checkParentFolder(path);
      const { plotRuns } = await import("../experiments/plot/plot_runs.ts");
      await plotRuns(folders, { output: page, csv });
      for (const path of [page, csv]) if (path !== undefined) console.log(path);
    });
}
