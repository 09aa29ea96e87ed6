import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import project from "../../deno.json" with { type: "json" };
import { taskCommand } from "../../src/runtime/task_command.ts";
import { withEnvironment } from "./engine/environment.ts";

const checkout = new URL("../../", import.meta.url), folder = fileURLToPath(checkout);

Deno.test("taskCommand() is started as this process was", async () => {
  const npx = `npx -y deno@${Deno.version.deno} task adt`;
  await withEnvironment({ npm_command: "exec" }, () => assert.equal(taskCommand("adt"), npx));
  await withEnvironment({ npm_command: undefined }, () => assert.equal(taskCommand("adt"), "deno task adt"));
});

Deno.test("taskCommand() names the checkout in other folders, and a published package's own modules", () =>
  withEnvironment({ npm_command: undefined }, () => {
    assert.equal(taskCommand("setup", checkout, join(folder, "notebooks")), "deno task setup");
    const elsewhere = `deno task --config ${join(folder, "deno.json")} setup --cuda`;
    assert.equal(taskCommand("setup --cuda", checkout, join(folder, "..")), elsewhere);
    const web = new URL("https://packages.example/@adt/tuning/"),
      jsr = `deno run -A jsr:@adt/tuning@${project.version}`;
    assert.equal(taskCommand("setup --cuda", web), `${jsr}/setup --cuda`);
    assert.equal(taskCommand("doctor", web), `${jsr}/cli doctor`);
    assert.equal(taskCommand("adt", web), `${jsr}/cli`);
    assert.equal(taskCommand("lab", web), "deno jupyter --install");
  }));
