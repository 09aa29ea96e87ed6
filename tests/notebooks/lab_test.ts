import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { prepareLab } from "../../src/lab.ts";
import { UserError } from "../../src/runtime/errors.ts";

const script = fileURLToPath(new URL("../../src/lab.ts", import.meta.url));

/** Calls `f` with a folder whose notebooks need these Python packages. */
async function withRepository(requirements: string, f: (root: string) => Promise<void>): Promise<void> {
  const root = await Deno.makeTempDir();
  try {
    await Deno.mkdir(`${root}/notebooks`);
    await Deno.writeTextFile(`${root}/notebooks/requirements.txt`, requirements);
    await f(root);
  } finally {
    await Deno.remove(root, { recursive: true });
  }
}

async function runLab(args: string[], env: Record<string, string> = {}) {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", script, ...args],
    env: { NO_COLOR: "1", ...env },
    stdout: "piped",
    stderr: "piped",
  }).output();
  return { code, text: new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr) };
}

Deno.test("prepareLab() makes the environment once, and its kernel is this Deno", async () => {
  await withRepository("", async (root) => {
    const lines: string[] = [], log = (line: string) => void lines.push(line);
    const { python } = await prepareLab({ root, log });
    assert.equal(lines.length, 2);
    assert.ok((await Deno.stat(python)).isFile);
    const spec = JSON.parse(await Deno.readTextFile(`${root}/.venv/share/jupyter/kernels/deno/kernel.json`));
    assert.equal(spec.argv[0], Deno.execPath());
    await prepareLab({ root, log });
    assert.equal(lines.length, 2);
  });
});

Deno.test("prepareLab() repeats what pip said and does not call the work done", async () => {
  await withRepository("./missing.whl\n", async (root) => {
    const failed = (error: Error) => error instanceof UserError && /missing\.whl/.test(error.message);
    await assert.rejects(prepareLab({ root, log: () => {} }), failed);
    await assert.rejects(Deno.stat(`${root}/.venv/installed-requirements.txt`), Deno.errors.NotFound);
  });
});

Deno.test("lab explains itself, and refuses what it does not know with status 2", async () => {
  const help = await runLab(["--help"]);
  assert.equal(help.code, 0);
  for (const option of ["--no-browser", "--port"]) assert.ok(help.text.includes(option), option);
  assert.equal((await runLab(["--bogus"])).code, 2);
  const badPort = await runLab(["--port", "70000"]);
  assert.equal(badPort.code, 2);
  assert.match(badPort.text, /whole number from 1 to 65535/);
});

Deno.test("lab says how to get Python where there is none", async () => {
  await withRepository("", async (root) => {
    const code = `import { prepareLab } from ${JSON.stringify(new URL(`file://${script}`).href)};
      await prepareLab({ root: ${
      JSON.stringify(root)
    } }).catch((error) => console.log(error.name, error.message));`;
    const { stdout } = await new Deno.Command(Deno.execPath(), {
      args: ["eval", "--no-check", code],
      cwd: fileURLToPath(new URL("../..", import.meta.url)),
      env: { PATH: root },
      stdout: "piped",
    }).output();
    assert.match(
      new TextDecoder().decode(stdout),
      /UserError JupyterLab needs Python 3\.10.*apt install python3-venv/,
    );
  });
});
