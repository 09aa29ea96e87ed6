import assert from "node:assert/strict";
import { join } from "node:path";
import { main } from "../../src/benchmarks/main.ts";
import { preparePytorch } from "../../src/benchmarks/pytorch.ts";
import type { BenchmarkResults } from "../../src/benchmarks/results.ts";
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

Deno.test({
  name: "PyTorch's side computes the same ADT steps, whichever way its gradient goes",
  ignore: !Deno.env.get("ADT_PYTORCH"),
  fn: () =>
    withFolder(async (folder) => {
      const json = join(folder, "results.json");
      assert.equal(await main(["--quick", "--only", "adt-step", "--json", json]), 0);
      const { cases: [{ measurements }] }: BenchmarkResults & { cases: [BenchmarkResults["cases"][number]] } =
        JSON
          .parse(await Deno.readTextFile(json));
      const [ours, , keeping] = measurements;
      assert.ok(ours!.disagreement! < 1e-4 && keeping!.disagreement! < 1e-4, JSON.stringify(measurements));
    }),
});
