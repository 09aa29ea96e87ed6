/** Builds the documentation as a site: `deno task docs`. */
import { Command } from "commander";
import { join } from "node:path";
import { UserError } from "../runtime/errors.ts";
import { buildSite } from "./build.ts";

const program = new Command("docs")
  .description(
    "Builds the documentation as a folder of pages that works from the disk: guides, notebooks, all keys, the module.",
  )
  .option("--output <folder>", "new or empty folder", "site")
  .action(async ({ output }: { output: string }) => {
    const pages = await buildSite(output);
    console.log(`${pages.length} pages: ${join(output, "index.html")}`);
  });
try {
  await program.parseAsync(Deno.args, { from: "user" });
} catch (error) {
  if (!(error instanceof UserError)) throw error;
  console.error(`error: ${error.message}`);
  Deno.exit(1);
}
