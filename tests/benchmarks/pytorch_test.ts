import assert from "node:assert/strict";
import { join } from "node:path";
import { main } from "../../src/benchmarks/main.ts";
import { preparePytorch } from "../../src/benchmarks/pytorch.ts";
import type { BenchmarkResults, CaseResult } from "../../src/benchmarks/results.ts";
import { UserError } from "../../src/runtime/errors.ts";
import { withFolder } from "../cli/support.ts";
import { withEnvironment } from "../runtime/engine/environment.ts";

Deno.test("preparePytorch() says what to do when the named Python has no PyTorch", async () => {
  await withEnvironment({ ADT_PYTORCH: "/no/such/python" }, async () => {
    await assert.rejects(preparePytorch(() => {}), (error: unknown) => {
      assert.ok(error instanceof UserError);
      assert.match(error.message, /ADT_PYTORCH is \/no\/such\/python.*--without-pytorch/s);
      return true;
    });
  });
});

/** What a quick run of some benchmarks measures. There is no C++ compiler: compiling takes minutes. */
async function measuredBy(...names: string[]): Promise<CaseResult[]> {
  let cases: CaseResult[] = [];
  await withFolder(async (folder) => {
    const json = join(folder, "results.json");
    await withEnvironment({ CXX: "/no/such/compiler" }, async () => {
      assert.equal(await main(["--quick", "--only", ...names, "--json", json]), 0);
    });
    cases = (JSON.parse(await Deno.readTextFile(json)) as BenchmarkResults).cases;
  });
  return cases;
}

Deno.test({
  name:
    "PyTorch's sides compute the same ADT steps; those that cannot be compiled are left out, with the reason",
  ignore: !Deno.env.get("ADT_PYTORCH"),
  fn: async () => {
    for (const { measurements, skipped } of await measuredBy("adt-step", "adt-step-plain")) {
      assert.deepEqual(skipped.map(({ side }) => side), ["PyTorch, compiled", "PyTorch, compiled, bfloat16"]);
      assert.ok(skipped.every(({ reason }) => /C\+\+ compiler/.test(reason)), JSON.stringify(skipped));
      for (const { side, precision, disagreement = 0 } of measurements) {
        assert.ok(disagreement < (precision === "float32" ? 1e-4 : 2e-2), `${side}: ${disagreement}`);
      }
    }
  },
});

Deno.test({
  name: "PyTorch's layers compute the same outputs and gradients",
  ignore: !Deno.env.get("ADT_PYTORCH"),
  fn: async () => {
    const names = ["conv", "linear", "group-norm-32", "layer-norm", "geglu", "attention-8"];
    for (
      const { name, measurements } of await measuredBy(...names.map((name) => `layers-${name}-gradients`))
    ) {
      for (const { side, precision, disagreement = 0 } of measurements) {
        assert.ok(
          disagreement < (precision === "float32" ? 1e-4 : 5e-2),
          `${name}, ${side}: ${disagreement}`,
        );
      }
    }
  },
});
