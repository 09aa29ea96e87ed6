import assert from "node:assert/strict";
import {
  atLeast,
  doctor,
  doctorExitCode,
  type DoctorReport,
  doctorText,
} from "../../../src/runtime/engine/doctor.ts";
import { withEnvironment } from "./environment.ts";

Deno.test("doctor() finds what works, and a command for what does not", async () => {
  const file = await Deno.makeTempFile();
  const nothing = { ADT_TENSORFLOW_LIB: "/nowhere", ADT_PYTHON: "/nowhere/python3", ADT_CACHE: file };
  await withEnvironment(nothing, async () => {
    const report = await doctor();
    const cache = report.system.find(({ name }) => name === "cache")!;
    assert.equal(cache.ok, false);
    assert.match(cache.detail, /The cache folder .* cannot be: .* is a file\./);
    assert.deepEqual(report.engines.map(({ name }) => name), ["tensorflow", "webgpu", "wasm"]);
    const [tensorflow, , wasm] = report.engines;
    assert.deepEqual([tensorflow!.ok, wasm!.ok], [false, true]);
    assert.match(tensorflow!.detail, /ADT_TENSORFLOW_LIB is \/nowhere/);
    assert.ok(report.chosen === "wasm" || report.chosen === "webgpu");
    assert.equal(doctorExitCode(report), 0);
    const python = report.system.find(({ name }) => name === "Python")!;
    assert.deepEqual([python.ok, python.fix], [false, "install it, or set ADT_PYTHON to its path"]);
    for (const check of [...report.system, ...report.engines]) assert.ok(check.ok || check.fix, check.name);
  });
  await Deno.remove(file);
});

Deno.test("doctorText() shows each check, and the fix below what fails", () => {
  const report: DoctorReport = {
    system: [{ name: "Deno", ok: true, detail: "2.9.6" }],
    engines: [{ name: "wasm", ok: false, detail: "gone", fix: "deno install" }],
    chosen: undefined,
  };
  assert.equal(
    doctorText(report),
    "System\n  ✓ Deno        2.9.6\nEngines\n  ✗ wasm        gone\n      → deno install\n" +
      "No engine works: nothing can be computed until one of these is mended.",
  );
  assert.equal(doctorExitCode(report), 1);
});

Deno.test("atLeast() compares versions by number", () => {
  assert.ok(atLeast("2.9.1", "2.9.1") && atLeast("2.10.0", "2.9.1") && atLeast("3.0.0-rc.1", "2.9.1"));
  assert.ok(!atLeast("2.9.0", "2.9.1") && !atLeast("1.46.3", "2.9.1"));
});
