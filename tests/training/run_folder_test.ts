import assert from "node:assert/strict";
import { join } from "node:path";
import { openRunFolder } from "../../src/training/run_folder.ts";

const config = "output: here\n";

async function withTemp(test: (path: string) => Promise<void>): Promise<void> {
  const temp = await Deno.makeTempDir();
  await test(join(temp, "run"));
  await Deno.remove(temp, { recursive: true });
}

/** Starts a run and ends it. */
async function startAndEnd(path: string): Promise<void> {
  (await openRunFolder(path, { config }))[Symbol.dispose]();
}

Deno.test("openRunFolder() makes the folder with its parts and keeps the configuration", () =>
  withTemp(async (path) => {
    using run = await openRunFolder(join(path, "deep"), { config });
    assert.equal(await Deno.readTextFile(run.configFile), config);
    assert.ok((await Deno.stat(run.checkpoints)).isDirectory);
    assert.ok((await Deno.stat(run.weights)).isDirectory);
  }));

Deno.test("openRunFolder() refuses a second run in the same folder, and says what to do", () =>
  withTemp(async (path) => {
    await startAndEnd(path);
    await assert.rejects(openRunFolder(path, { config }), {
      name: "UserError",
      message: `${path} already holds a run; go on with it by --resume, or choose another folder`,
    });
  }));

Deno.test("openRunFolder() resumes a run, and only where there is one", () =>
  withTemp(async (path) => {
    await assert.rejects(openRunFolder(path, { config, resume: true }), {
      name: "UserError",
      message: /there is no run to resume in .*; leave out --resume/,
    });
    await assert.rejects(Deno.stat(path), Deno.errors.NotFound);
    await startAndEnd(path);
    using run = await openRunFolder(path, { config: "steps: 200\n", resume: true });
    assert.equal(await Deno.readTextFile(run.configFile), "steps: 200\n");
  }));

Deno.test("openRunFolder() refuses a folder with other files and leaves it as it was", () =>
  withTemp(async (path) => {
    await Deno.mkdir(path);
    await Deno.writeTextFile(join(path, "thesis.txt"), "");
    await assert.rejects(openRunFolder(path, { config }), {
      name: "UserError",
      message: /is not empty \(it holds "thesis\.txt"\); choose a new or empty folder/,
    });
    assert.deepEqual([...Deno.readDirSync(path)].map(({ name }) => name), ["thesis.txt"]);
  }));

Deno.test("openRunFolder() refuses a folder that is in use and names the process", () =>
  withTemp(async (path) => {
    using _run = await openRunFolder(path, { config });
    for (const resume of [true, false]) {
      await assert.rejects(openRunFolder(path, { config, resume }), {
        name: "UserError",
        message: resume ? new RegExp(`is in use by process ${Deno.pid}; wait`) : /already holds a run/,
      });
    }
  }));

Deno.test("openRunFolder(): the lock of a killed process does not stay", () =>
  withTemp(async (path) => {
    const module = new URL("../../src/training/run_folder.ts", import.meta.url);
    const code = `import { openRunFolder } from "${module}";
      const run = await openRunFolder(${JSON.stringify(path)}, { config: "a: 1" });
      console.log("open");
      setInterval(() => run, 1000);`;
    const child = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--no-check", "--ext=ts", "-"],
      stdin: "piped",
      stdout: "piped",
      stderr: "null",
    }).spawn();
    const input = child.stdin.getWriter();
    await input.write(new TextEncoder().encode(code));
    await input.close();
    const output = child.stdout.getReader();
    assert.equal(new TextDecoder().decode((await output.read()).value), "open\n");
    await assert.rejects(openRunFolder(path, { config, resume: true }), {
      message: new RegExp(`in use by process ${child.pid}`),
    });
    child.kill("SIGKILL");
    await child.status;
    await output.cancel();
    (await openRunFolder(path, { config, resume: true }))[Symbol.dispose]();
  }));

Deno.test("openRunFolder() takes a folder whose run was killed before it began", () =>
  withTemp(async (path) => {
    await Deno.mkdir(join(path, "checkpoints"), { recursive: true });
    await Deno.writeTextFile(join(path, "run.lock"), "1");
    (await openRunFolder(path, { config }))[Symbol.dispose]();
  }));

Deno.test("openRunFolder(): a path that cannot be a folder is a UserError", () =>
  withTemp(async (path) => {
    await Deno.writeTextFile(path, "a file");
    const expected = {
      name: "UserError",
      message: /cannot use the folder .*; mend that or choose another folder/,
    };
    await assert.rejects(openRunFolder(path, { config }), expected);
    await assert.rejects(openRunFolder(join(path, "below"), { config }), expected);
  }));

Deno.test("withdraw() leaves a folder as it was found, and keeps what a resumed run had", () =>
  withTemp(async (path) => {
    {
      using run = await openRunFolder(path, { config });
      await run.withdraw();
    }
    await assert.rejects(Deno.stat(path), Deno.errors.NotFound);
    await Deno.mkdir(path);
    await (await openRunFolder(path, { config })).withdraw();
    assert.deepEqual([...Deno.readDirSync(path)], []);
    await startAndEnd(path);
    const before = [...Deno.readDirSync(path)].map(({ name }) => name).sort();
    await (await openRunFolder(path, { config, resume: true })).withdraw();
    assert.deepEqual([...Deno.readDirSync(path)].map(({ name }) => name).sort(), before);
  }));
