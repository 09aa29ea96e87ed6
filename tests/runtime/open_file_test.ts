import assert from "node:assert/strict";
import { join } from "node:path";
import { readMetadata } from "../../src/data/image_metadata.ts";
import { openFile } from "../../src/runtime/open_file.ts";
import { readConfig } from "../../src/weights/config.ts";
import { openSafetensors } from "../../src/weights/safetensors.ts";
import { refused } from "../refused.ts";
import { inTempFolder } from "../weights/support.ts";

Deno.test("what is no regular file is refused by its kind", () =>
  inTempFolder(async (folder) => {
    const link = join(folder, "link");
    await Deno.symlink("link", link);
    for (
      const [path, expected] of [
        [join(folder, "none"), /none: no such file$/],
        [folder, /this is a folder/],
        ["/dev/zero", /a pipe or a device/],
        [link, /link: cannot be read: /],
        [`${folder}/\0`, /cannot be read: /],
      ] as const
    ) assert.match((await refused(path, () => openFile(path))).message, expected);
  }));

Deno.test("a pipe is refused, whether somebody writes to it or not", () =>
  inTempFolder(async (folder) => {
    const readers: Record<string, (path: string) => Promise<unknown>> = {
      "config.json": () => readConfig(folder),
      "x.safetensors": openSafetensors,
      "metadata.jsonl": readMetadata,
      "metadata.csv": readMetadata,
      "metadata.parquet": readMetadata,
    };
    for (const [name, read] of Object.entries(readers)) {
      const path = join(folder, name);
      assert.ok((await new Deno.Command("mkfifo", { args: [path] }).output()).success);
      // so that a reader that opens it gets on
      const writer = new Deno.Command("sh", { args: ["-c", 'echo {} > "$0"', path] }).spawn();
      assert.match((await refused(name, () => read(path))).message, /a pipe or a device/);
      writer.kill("SIGKILL");
      await writer.status;
    }
  }));

Deno.test("JSON that is nested without end, or too large, is refused", () =>
  inTempFolder(async (folder) => {
    const write = (text: string) => Deno.writeTextFile(join(folder, "config.json"), text);
    await write(`{"a":${"[".repeat(1e5)}${"]".repeat(1e5)}}`);
    assert.match((await refused("deep", () => readConfig(folder))).message, /nested more than 100 levels/);
    await write(`{"a":"${"x".repeat(2 ** 23)}"}`);
    assert.match((await refused("large", () => readConfig(folder))).message, /more than 8388608 bytes/);
  }));
