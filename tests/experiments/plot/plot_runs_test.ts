import assert from "node:assert/strict";
import { join } from "node:path";
import { plotRuns } from "../../../src/experiments/plot/plot_runs.ts";
import { openRunFolder } from "../../../src/training/run_folder.ts";
import { inTempFolder } from "../../weights/support.ts";

/** A run with a log, looked at twice. */
async function writeRun(folder: string, lr: number): Promise<void> {
  using run = await openRunFolder(folder, {
    config: `optimizer: { lr: ${lr} }\ntrain: { steps: 3 }\noutput: x`,
  });
  const line = (record: object) => JSON.stringify(record) + "\n";
  await Deno.writeTextFile(
    run.metricsFile,
    [1, 2, 3].map((step) => line({ step, loss_diffusion: lr * step, plans: [] })).join(""),
  );
  await Deno.writeTextFile(
    join(folder, "watch.jsonl"),
    [0, 3].map((step) => line({ step, scores: { "fid.squeezenet": 9 - step, details: 1 } })).join(""),
  );
}

Deno.test("plotRuns() compares runs on a page, and writes their numbers", () =>
  inTempFolder(async (folder) => {
    const runs = [join(folder, "study", "a", "run"), join(folder, "study", "b", "run")];
    for (const [i, run] of runs.entries()) await writeRun(run, i + 1);
    const output = join(folder, "page.html"), csv = join(folder, "numbers.csv");
    await plotRuns([join(folder, "study"), runs[0]!], { output, csv });
    assert.deepEqual((await Deno.readTextFile(csv)).split("\r\n"), [
      "run,step,fid.squeezenet,details,loss_diffusion",
      ...["a,0,9,1,", "a,1,,,1", "a,2,,,2", "a,3,6,1,3"],
      ...["b,0,9,1,", "b,1,,,2", "b,2,,,4", "b,3,6,1,6"],
      "",
    ]);
    const page = await Deno.readTextFile(output);
    for (
      const shown of [
        "Runs compared",
        "2 runs, 0 of them finished.",
        "FD (SqueezeNet) 6, update 3",
        "Diffusion loss",
        "Finest details, as a share of real",
        "optimizer.lr",
      ]
    ) assert.ok(page.includes(shown), shown);
    await plotRuns([runs[1]!], { output });
    assert.match(
      await Deno.readTextFile(output),
      /<title>Run .*run<\/title>[\s\S]*stopped, 3 of 3 updates\.[\s\S]*lr: 2/,
    );
  }));

Deno.test("plotRuns() refuses folders without runs, and runs that cannot be read", () =>
  inTempFolder(async (folder) => {
    const output = join(folder, "page.html");
    await assert.rejects(plotRuns([folder], { output }), /no run, and none below it/);
    await assert.rejects(plotRuns([join(folder, "none")], { output }), /cannot look for runs in .*none/);
    using broken = await openRunFolder(join(folder, "broken"), { config: "[]" });
    await assert.rejects(plotRuns([broken.path], { output }), /config\.yaml: the whole file: got a list/);
  }));
