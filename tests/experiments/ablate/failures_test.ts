import assert from "node:assert/strict";
import { join } from "node:path";
import { ablate } from "../../../src/experiments/ablate/ablate.ts";
import type { StudyInput } from "../../../src/experiments/ablate/study_config.ts";
import { withStudy } from "./tiny_study.ts";

const withArms = (study: StudyInput, lr: number): StudyInput => ({
  ...study,
  arms: { ADT: {}, wild: { optimizer: { lr, schedule: "constant" } }, calm: { optimizer: { lr: 1e-4 } } },
  references: ["ADT"],
  seeds: [0],
});

const names = (results: readonly { run: { arm: { name: string } } }[]) =>
  results.map(({ run }) => run.arm.name);

for (const processes of [undefined, 2]) {
  Deno.test(`ablate() ${processes ? "in processes" : "here"}: an arm that diverges fails and the others go on`, () =>
    withStudy(async (study) => {
      const wild = withArms(study, 1e8), first = await ablate(wild, { processes });
      assert.deepEqual(names(first.finished), ["ADT", "calm"]);
      assert.deepEqual(names(first.failed), ["wild"]);
      assert.match(first.failed[0]!.why, /^training diverged at update \d+: [^;]*$/);
      assert.equal(first.table[1]!.runs, "0/1, 1 failed");
      const page = await Deno.readTextFile(first.report);
      assert.ok(page.includes("Runs that failed") && page.includes("training diverged"));
      const { failed } = JSON.parse(await Deno.readTextFile(join(study.output, "results.json")));
      assert.deepEqual(failed, [{ arm: "wild", seed: 0, why: first.failed[0]!.why }]);
      if (processes) return;

      const seen: string[] = [],
        onResult = ({ run }: { run: { arm: { name: string } } }) => void seen.push(run.arm.name);
      const log = join(study.output, "arms", "wild", "seed-0", "run", "metrics.jsonl");
      const before = (await Deno.stat(log)).mtime;
      const second = await ablate(wild, { onResult });
      assert.deepEqual([names(second.failed), seen], [["wild"], ["ADT", "calm"]]);
      assert.deepEqual((await Deno.stat(log)).mtime, before); // not tried again

      const third = await ablate(withArms(study, 1e-5));
      assert.deepEqual([names(third.finished), names(third.failed)], [["ADT", "wild", "calm"], []]);
    }));
}
