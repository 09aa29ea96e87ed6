import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { execute, shownTexts, writeNotebook } from "../notebooks/notebook.ts";

const root = fileURLToPath(new URL("../..", import.meta.url)).replace(/[\/\\]$/, "");

/** A user's tuning of the bundled model, two small steps of it. */
const tuning = `import { bundledPath, parseConfig, startEngine, tune, tuneSchema } from "@adt/tuning";
await startEngine();
const unet = await bundledPath("models/digits-unet"), backbone = await bundledPath("models/digits-dino");
const settings = {
  model: { unet, scheduler: unet },
  sampler: { steps: 4 },
  adt: { discriminator: { backbone, blocks: [1] } },
  train: { steps: 2, batch_size: 4 },
  output: "runs/first",
};
const { steps } = await tune(parseConfig(JSON.stringify(settings), "settings", tuneSchema));
`;

/** Calls `f` with a folder elsewhere that has the README's \`deno.json\` for a checkout. */
async function withProject(f: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.realPath(await Deno.makeTempDir());
  try {
    const config = {
      imports: { "@adt/tuning": "jsr:@adt/tuning@^0.1" },
      links: [root, `${root}/vendor/std-yaml`],
    };
    await Deno.writeTextFile(`${folder}/deno.json`, JSON.stringify(config));
    await f(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** The permissions of the command on the page for users' projects. */
async function statedPermissions(): Promise<string[]> {
  const page = await Deno.readTextFile(`${root}/docs/module.md`);
  return /^deno run (.*) tune\.ts$/m.exec(page)![1]!.split(" ");
}

Deno.test("a script in another folder tunes under exactly the permissions that docs/module.md states", async () => {
  await withProject(async (folder) => {
    await Deno.writeTextFile(`${folder}/tune.ts`, `${tuning}console.log("steps:", steps);\n`);
    const permissions = await statedPermissions();
    assert.ok(!permissions.some((p) => p === "-A" || p === "--allow-all" || p === "--allow-run"));
    const run = (flags: string[]) =>
      new Deno.Command(Deno.execPath(), {
        args: ["run", "--no-prompt", ...flags, "tune.ts"],
        cwd: folder,
        env: { NO_COLOR: "1" },
      }).output();
    const { success, stdout, stderr } = await run(permissions), errors = new TextDecoder().decode(stderr);
    assert.ok(success, errors);
    assert.equal(new TextDecoder().decode(stdout).trim(), "steps: 2");
    for (const permission of permissions) { // none is more than it takes
      await Deno.remove(`${folder}/runs`, { recursive: true }).catch(() => {});
      const { success } = await run(permissions.filter((p) => p !== permission));
      assert.ok(!success, `it also runs without ${permission}`);
    }
  });
});

Deno.test("a script in another folder passes the type check", async () => {
  await withProject(async (folder) => {
    await Deno.writeTextFile(
      `${folder}/tune.ts`,
      `${tuning}const count: number = steps;\nconsole.log(count);\n`,
    );
    const { success, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["check", "tune.ts"],
      cwd: folder,
    }).output();
    assert.ok(success, new TextDecoder().decode(stderr));
  });
});

Deno.test("a notebook in another folder tunes", async () => {
  await withProject(async (folder) => {
    const path = `${folder}/tune.ipynb`;
    await writeNotebook(path, [tuning, 'import { show } from "@adt/tuning";\nawait show({ steps });']);
    const { problem, notebook } = await execute(path);
    assert.equal(problem, "");
    assert.ok(shownTexts(notebook).includes("steps: 2"), shownTexts(notebook).join("\n"));
  });
});
