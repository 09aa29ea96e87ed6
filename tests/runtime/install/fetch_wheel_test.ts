import assert from "node:assert/strict";
import { join } from "node:path";
import { UserError } from "../../../src/runtime/errors.ts";
import { fetchWithPip } from "../../../src/runtime/install/fetch_wheel.ts";
import { Interrupted } from "../../../src/runtime/install/interrupted.ts";
import type { Wheel } from "../../../src/runtime/install/wheels.ts";

const WHEEL: Wheel = {
  requirement: "thing==1.0",
  file: "thing-1.0-cp311-cp311-manylinux2014_x86_64.manylinux_2_17_x86_64.whl",
  sha256: "",
  bytes: 4,
  unpackedBytes: 4,
  entries: [],
};

/** Fetches with a script that stands in for Python: what it does for `-m pip download …` is given. */
async function fetchWith(download: string): Promise<string> {
  const folder = await Deno.makeTempDir(), python = join(folder, "python");
  const script = `#!/bin/sh
if [ "$3" = --version ]; then echo "pip 1.0 from x (python 3.9)"; exit 0; fi
[ "$3" = download ] || exit 3
echo "$@" > ${folder}/arguments
${download}`;
  await Deno.writeTextFile(python, script, { mode: 0o755 });
  const downloads = join(folder, "downloads"), before = Deno.env.get("ADT_PYTHON");
  await Deno.mkdir(downloads);
  Deno.env.set("ADT_PYTHON", python);
  try {
    await fetchWithPip(WHEEL, downloads, () => {}, new AbortController().signal);
    return await Deno.readTextFile(join(folder, "arguments"));
  } finally {
    if (before === undefined) Deno.env.delete("ADT_PYTHON");
    else Deno.env.set("ADT_PYTHON", before);
    await Deno.remove(folder, { recursive: true });
  }
}

const ignore = Deno.build.os === "windows"; // the stand-in is a shell script

function rejects(name: string, download: string, expected: (error: Error) => boolean): void {
  Deno.test({ name, ignore, fn: () => assert.rejects(fetchWith(download), expected) });
}

const saying = (message: RegExp) => (error: Error) =>
  error instanceof UserError && message.test(error.message);

Deno.test({
  name: "fetchWithPip() names the wheel so that the user's Python does not matter",
  ignore,
  async fn() {
    const args = await fetchWith(`touch "$TMPDIR/${WHEEL.file}"`);
    assert.match(args, /^-m pip download .*--no-deps --python-version=3.11 --only-binary=:all:/);
    assert.match(args, /--platform=manylinux_2_17_x86_64 .* thing==1.0$/m);
  },
});

rejects(
  "fetchWithPip() tells that there is no network",
  `echo "WARNING: Retrying after connection broken by 'NewConnectionError(...)'" >&2
   echo "ERROR: No matching distribution found for thing==1.0" >&2; exit 1`,
  saying(/^pip cannot reach the Python package index \(no network\?\)$/),
);

rejects(
  "fetchWithPip() passes on pip's own reason",
  `echo "ERROR: No matching distribution found for thing==1.0" >&2; exit 1`,
  saying(/^pip could not download thing==1.0: No matching distribution found for thing==1.0$/),
);

rejects(
  "fetchWithPip() tells an interruption from a failure",
  `echo "ERROR: Operation cancelled by user" >&2; exit 1`,
  (error) => error instanceof Interrupted,
);

rejects(
  "fetchWithPip() refuses another file",
  "touch $TMPDIR/other.whl",
  saying(/but not as thing-1.0-cp311/),
);
