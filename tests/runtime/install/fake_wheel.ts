import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { join } from "node:path";
import type { FetchWheel } from "../../../src/runtime/install/fetch_wheel.ts";
import type { EngineFiles, Wheel } from "../../../src/runtime/install/wheels.ts";
import { findPython, runCommand } from "../../../src/runtime/python.ts";

const MAKE = `
import sys, zipfile
with zipfile.ZipFile(sys.argv[1], "w", zipfile.ZIP_DEFLATED) as wheel:
    wheel.writestr("tensorflow/liba.so", "a" * 1000)
    wheel.writestr("tensorflow/libb.so", "b" * 500)
    tool = zipfile.ZipInfo("tools/run")
    tool.external_attr = 0o755 << 16
    wheel.writestr(tool, "#!")
    wheel.writestr("tensorflow/unwanted.py", "c" * 5000)
`;

/** A tiny engine of one wheel, made for the test, and a download of it that needs no network. */
export interface FakeEngine {
  files: EngineFiles;
  fetchWheel: FetchWheel;
  /** Names of the wheels fetched so far. */
  fetched: string[];
}

/** Makes a wheel of four entries in `folder`, three of them wanted: 1,502 bytes. */
export async function fakeEngine(folder: string): Promise<FakeEngine> {
  const file = "fake-1.0-py3-none-any.whl", path = join(folder, file);
  const { command } = await findPython();
  const { success, stderr } = await runCommand(command, ["-c", MAKE, path]);
  assert.ok(success, stderr);
  const content = await Deno.readFile(path), fetched: string[] = [];
  const wheel: Wheel = {
    requirement: "fake==1.0",
    file,
    sha256: createHash("sha256").update(content).digest("hex"),
    bytes: content.length,
    unpackedBytes: 1502,
    entries: ["tensorflow/lib", "tools/"],
  };
  const fetchWheel: FetchWheel = async (wheel, to, progress) => {
    fetched.push(wheel.file);
    await Deno.copyFile(path, join(to, wheel.file));
    progress(wheel.bytes, wheel.bytes);
  };
  return { files: { name: "fake-1.0", wheels: [wheel] }, fetchWheel, fetched };
}
