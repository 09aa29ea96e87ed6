import assert from "node:assert/strict";
import { join } from "node:path";
import { listRuns } from "../../../src/experiments/runs/list_runs.ts";
import { tune } from "../../../src/experiments/tune/tune.ts";
import { openRunFolder } from "../../../src/training/run_folder.ts";
import { withTuning } from "../tune/tiny_tuning.ts";

Deno.test("listRuns() tells how far each run below a folder has come", () =>
  withTuning(async (config) => {
    const folder = join(config.output, "..", "runs");
    const output = (name: string) => join(folder, "study", name);
    await tune({ ...config, output: output("a") });
    const stop = new AbortController();
    stop.abort();
    await tune({ ...config, output: output("b") }, { signal: stop.signal });
    await Deno.writeTextFile(join(output("b"), "metrics.jsonl"), '{"step": 3, "lost": "why"}\n');
    using held = await openRunFolder(output("c"), { config: "train: { steps: 7 }" });
    await Deno.writeTextFile(
      join(held.path, "watch.jsonl"),
      [5, 3, 4].map((value, i) => `{"step": ${i}, "scores": {"fid.squeezenet": ${value}}}\n`).join(""),
    );
    {
      using other = await openRunFolder(output("d"), { config: "[]" });
      assert.ok(other);
    }
    const runs = await listRuns(folder);
    assert.deepEqual(runs.map(({ folder }) => folder), ["a", "b", "c", "d"].map(output));
    assert.deepEqual(
      runs.map(({ progress, step, steps }) => [progress, step, steps]),
      [["finished", 4, 4], ["diverged", 3, 4], ["running", 0, 7], ["unreadable", 0, 0]],
    );
    const [finished, , running, unreadable] = runs;
    assert.ok(
      finished!.size > 1000 && finished!.loss! > 0 && Date.now() - finished!.changed!.getTime() < 1e6,
    );
    assert.deepEqual(running!.best, { score: "fid.squeezenet", value: 3, step: 1 });
    assert.match(unreadable!.fault!, /config\.yaml: the whole file: got a list/);
    assert.deepEqual(await listRuns(output("a")), [finished]);
    await assert.rejects(listRuns(join(folder, "none")), /cannot look for runs in .*none/);
  }));
