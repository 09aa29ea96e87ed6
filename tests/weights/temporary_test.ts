import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { removeLeftovers, temporaryFor } from "../../src/weights/temporary.ts";
import { inTempFolder } from "./support.ts";

const names = (folder: string) => [...Deno.readDirSync(folder)].map(({ name }) => name).sort();

Deno.test("removeLeftovers() removes what was left in a folder, below only if asked, and nothing else", () =>
  inTempFolder(async (folder) => {
    const below = join(folder, "weights"), mine = [".config.json.tmp", "a.tmp", "weights"];
    await Deno.mkdir(below);
    for (const name of [".study.json.77-0.tmp", ...mine.slice(0, 2)]) {
      await Deno.writeTextFile(join(folder, name), "");
    }
    await Deno.mkdir(temporaryFor(join(folder, "pipeline")));
    await Deno.writeTextFile(temporaryFor(join(below, "model.safetensors")), "half");
    await removeLeftovers(folder, { of: "study.json" });
    assert.equal(names(folder).length, 4);
    await removeLeftovers(folder);
    assert.deepEqual(names(folder), mine);
    assert.equal(names(below).length, 1);
    await removeLeftovers(folder, { below: true });
    assert.deepEqual(names(below), []);
    await removeLeftovers(join(folder, "none"));
  }));

Deno.test("removeLeftovers() leaves what a living process writes, and removes it when that was killed", () =>
  inTempFolder(async (folder) => {
    const child = new Deno.Command(Deno.execPath(), {
      args: [
        ...["run", "-A", "--no-check", fileURLToPath(new URL("./endless_writer.ts", import.meta.url))],
        join(folder, "x"),
      ],
      stdout: "piped",
      stderr: "null",
    }).spawn();
    const output = child.stdout.getReader();
    assert.equal(new TextDecoder().decode((await output.read()).value), "begun\n");
    const written = names(folder);
    assert.match(written.join(), /^\.x\.[-\da-f]{36}\.tmp$/);
    await removeLeftovers(folder);
    assert.deepEqual(names(folder), written);
    child.kill("SIGKILL");
    await child.status;
    await output.cancel();
    await removeLeftovers(folder);
    assert.deepEqual(names(folder), []);
  }));
