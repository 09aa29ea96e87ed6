import assert from "node:assert/strict";
import { join } from "node:path";
import { fixture } from "../support.ts";
import { adtInterrupted, withFolder } from "./support.ts";

Deno.test("adt sample of a pipeline, stopped by Ctrl-C, keeps the images that are made", () =>
  withFolder(async (folder) => {
    const output = join(folder, "cats"), metadata = join(output, "metadata.jsonl");
    const images = async () => (await Deno.readTextFile(metadata).catch(() => "")).split("\n").length - 1;
    const { code, stderr } = await adtInterrupted(
      async () => await images() > 1,
      ...["sample", "--pipeline", fixture("pipeline_sd15"), "--prompt", "a cat", "a dog"],
      ...["--n", "100000", "--size", "16", "--steps", "1", "--output", output],
    );
    assert.equal(code, 130, stderr);
    const [, count] = /stopped; images made and kept in .*: (\d+)\n/.exec(stderr)!;
    assert.equal(await images(), Number(count));
    const names = [...Deno.readDirSync(output)].map(({ name }) => name).filter((name) =>
      name.endsWith(".png")
    );
    assert.equal(names.length, Number(count));
    assert.ok(names.includes("000001.png"));
  }));
