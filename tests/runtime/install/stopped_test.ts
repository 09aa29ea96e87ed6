import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { inTempFolder } from "../../weights/support.ts";

const root = (path: string) => fileURLToPath(new URL(`../../../${path}`, import.meta.url));

/** Stands in for Python: answers as one with pip does, but takes its time when it downloads or makes an environment. */
const PYTHON = `#!/bin/sh
if [ "$3" = --version ]; then echo "pip 1.0 from x (python 3.9)"; exit 0; fi
if [ "$1" = -c ]; then exit 0; fi
if [ "$2" = venv ]; then mkdir -p "$4"; fi
if [ -n "$TMPDIR" ]; then echo half > "$TMPDIR/half.whl"; fi
trap '' TERM
sleep 600 &
echo $! > PIDS
wait
wait
`;

/** Starts a set-up, stops it by a signal once Python sleeps, and says how it ended. */
async function stopped(folder: string, signal: Deno.Signal, args: string[], env: Record<string, string>) {
  const python = join(folder, "python3"), pids = join(folder, "pids");
  await Deno.writeTextFile(python, PYTHON.replace("PIDS", pids), { mode: 0o755 });
  const path = `${folder}:${Deno.env.get("PATH")}`;
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", ...args],
    env: { ...env, PATH: path, ADT_PYTHON: "", ADT_TENSORFLOW_LIB: "", TF_LIB_DIR: "" },
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const ended = child.output();
  let sleeping = "", over = false;
  void ended.then(() => over = true);
  while (!sleeping.endsWith("\n") && !over) {
    await new Promise((resolve) => setTimeout(resolve, 50));
    sleeping = await Deno.readTextFile(pids).catch(() => "");
  }
  child.kill(signal);
  const { code, stderr } = await ended;
  await assert.rejects(isAlive(Number(sleeping)), "what Python had started lives on");
  return { code, stderr: new TextDecoder().decode(stderr) };
}

/** Rejects for a process that is none any more, or only waits to be asked how it ended. */
async function isAlive(pid: number): Promise<void> {
  const status = await Deno.readTextFile(`/proc/${pid}/status`);
  if (/^State:\s*Z/m.test(status)) throw new Error("it has ended");
}

const linux = { ignore: Deno.build.os !== "linux" }; // the stand-in is a shell script, processes are looked up in /proc

for (const [signal, code] of [["SIGINT", 130], ["SIGTERM", 143], ["SIGHUP", 129]] as const) {
  Deno.test({
    name: `a set-up that ${signal} stops ends what it runs, removes what it began and says so`,
    ...linux,
    fn: () =>
      inTempFolder(async (folder) => {
        const cache = join(folder, "cache");
        const result = await stopped(folder, signal, [root("src/runtime/install/setup.ts"), "--cpu"], {
          ADT_CACHE: cache,
        });
        assert.equal(result.code, code, result.stderr);
        assert.match(
          result.stderr,
          new RegExp(
            `^The set-up was stopped \\(${signal}\\); what it had begun is removed. Run it again`,
            "m",
          ),
        );
        assert.deepEqual([...Deno.readDirSync(cache)].map(({ name }) => name), ["setup.lock"]);
      }),
  });
}

Deno.test({
  name: "an engine's set-up on first use of the command line stops likewise",
  ...linux,
  fn: () =>
    inTempFolder(async (folder) => {
      const cache = join(folder, "cache"), model = root("data/models/digits-unet");
      const command = [
        "--backend",
        "tensorflow",
        "sample",
        "--model",
        model,
        "--output",
        join(folder, "x.png"),
      ];
      const { code, stderr } = await stopped(folder, "SIGTERM", [root("src/cli.ts"), ...command], {
        ADT_CACHE: cache,
      });
      assert.equal(code, 143, stderr);
      assert.match(stderr, /^The set-up was stopped \(SIGTERM\)/m);
      assert.deepEqual([...Deno.readDirSync(cache)].map(({ name }) => name), ["setup.lock"]);
    }),
});

Deno.test({
  name: "the notebooks' set-up stops likewise",
  ...linux,
  fn: () =>
    inTempFolder(async (folder) => {
      await Deno.mkdir(join(folder, "notebooks"));
      await Deno.writeTextFile(join(folder, "notebooks", "requirements.txt"), "jupyterlab");
      const script = join(folder, "lab.ts");
      await Deno.writeTextFile(
        script,
        `import { prepareLab } from ${JSON.stringify(root("src/lab.ts"))};
        await prepareLab({ root: ${JSON.stringify(folder)} }).catch((error) => {
          console.error(error.message);
          Deno.exit(error.exitCode);
        });`,
      );
      const config = ["--config", root("deno.json"), "--no-lock", script];
      const { code, stderr } = await stopped(folder, "SIGTERM", config, {});
      assert.equal(code, 143, stderr);
      assert.match(stderr, /The set-up was stopped \(SIGTERM\)/);
      await assert.rejects(Deno.stat(join(folder, ".venv")), Deno.errors.NotFound);
    }),
});

Deno.test("the set-up says in a line that the cache folder is none", () =>
  inTempFolder(async (folder) => {
    const file = join(folder, "file");
    await Deno.writeTextFile(file, "");
    for (const cache of [file, join(file, "below")]) {
      const run = async (...args: string[]) => {
        const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
          args: ["run", "-A", ...args],
          env: { ADT_CACHE: cache, ADT_TENSORFLOW_LIB: "", TF_LIB_DIR: "" },
        }).output();
        return { code, text: new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr) };
      };
      const setup = await run(root("src/runtime/install/setup.ts"), "--cpu");
      assert.equal(setup.code, 1);
      assert.match(
        setup.text,
        /^TensorFlow could not be set up: The cache folder .* cannot be: .*file is a file\. Set/m,
      );
      assert.doesNotMatch(setup.text, /^ +at /m);
    }
  }));
