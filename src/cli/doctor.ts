import type { Command } from "commander";
import { type CommandContext, PROGRAM } from "./context.ts";
import { jsonOption, printResult } from "./options.ts";

/** Adds `adt doctor`. */
export function addDoctor(program: Command, context: CommandContext): void {
  program.command("doctor")
    .summary("look at what is here to compute with")
    .description(
      "Looks at the machine, Deno, Python, Jupyter and each engine, and names the command that mends what is missing. " +
        "Changes nothing. The exit code is 1 if no engine works.",
    )
    .addOption(jsonOption())
    .addHelpText("after", `\nExample:\n  ${PROGRAM} doctor`)
    .action(async ({ json }: { json?: boolean }) => {
      const { doctor, doctorExitCode, doctorText } = await import("../runtime/engine/doctor.ts");
      const report = await doctor();
      printResult(json, report, doctorText(report));
      context.exitCode = doctorExitCode(report);
    });
}
