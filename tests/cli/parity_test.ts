import assert from "node:assert/strict";
import { join } from "node:path";
import { fixture } from "../support.ts";
import { adt, withFolder } from "./support.ts";

Deno.test("adt parity prints a table and ends with 0 only if all are within the tolerance", async () => {
  const [agrees, differs] = await Promise.all([
    adt("parity", fixture("scheduler_ddim")),
    adt("parity", fixture("mmdit_sd3"), "--tolerance", "1e-12"),
  ]);
  assert.match(agrees!.stdout, /^name .*\ntimesteps .* ok\ntrajectory .* 1e-4 +ok\n\nall 2 agree\n$/);
  assert.equal(agrees!.code, 0, agrees!.stderr);
  assert.match(
    differs!.stdout,
    /\nsample .* 1e-12 +DIFFERS\ngrad_hidden_states .* DIFFERS\n\n2 of 2 differ\n$/,
  );
  assert.equal(differs!.code, 1, differs!.stderr);
});

Deno.test("adt parity and adt doctor print JSON for programs", async () => {
  const parity = JSON.parse((await adt("parity", fixture("scheduler_ddim"), "--json")).stdout);
  assert.deepEqual(parity.map(({ name, passed }: { name: string; passed: boolean }) => [name, passed]), [
    ["timesteps", true],
    ["trajectory", true],
  ]);
  const doctor = await adt("doctor", "--json");
  assert.equal(typeof JSON.parse(doctor.stdout), "object", doctor.stderr);
});

Deno.test("adt parity --help describes the files and the defaults", async () => {
  const { code, stdout, stderr } = await adt("parity", "--help");
  assert.equal(code, 0, stderr);
  for (const file of ["inputs.safetensors", "outputs.safetensors", "scheduler_config.json"]) {
    assert.ok(stdout.includes(file), file);
  }
  assert.match(stdout, /--tolerance <number>[^]*1e-4, and 1e-3/);
  assert.match(stdout, /Example:\n {2}deno task adt parity /);
});

Deno.test("adt parity refuses what it cannot compare, without a stack", () =>
  withFolder(async (folder) => {
    await Deno.copyFile(fixture("dinov2/config.json"), join(folder, "config.json"));
    const [missing, bare, dynamic, wrong] = await Promise.all([
      adt("parity", join(folder, "none")),
      adt("parity", folder),
      adt("parity", fixture("scheduler_flow_euler_dynamic")),
      adt("parity", folder, "--tolerance", "-1"),
    ]);
    assert.match(missing!.stderr, /error: .*none: there is no config\.json and no scheduler_config\.json/);
    assert.match(
      bare!.stderr,
      /error: .*inputs\.safetensors: no such file; save the tensors of a PyTorch run/,
    );
    assert.match(dynamic!.stderr, /error: use_dynamic_shifting: true: .* give mu/);
    assert.match(wrong!.stderr, /'-1' is invalid\. It must be a number of at least 0/);
    for (const { stdout, stderr } of [missing!, bare!, dynamic!, wrong!]) {
      assert.equal(stdout, "");
      assert.doesNotMatch(stderr, /^\s+at /m);
    }
    assert.deepEqual([missing!.code, bare!.code, dynamic!.code, wrong!.code], [1, 1, 1, 2]);
  }));
