import { join } from "node:path";
import { fileURLToPath } from "node:url";

const CLI = fileURLToPath(new URL("../../src/cli.ts", import.meta.url));

/** What a finished call of the command line left behind. */
export interface Outcome {
  code: number;
  stdout: string;
  stderr: string;
}

function command(args: string[]): Deno.Command {
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "-A", CLI, ...args],
    env: { ADT_BACKEND: "wasm", NO_COLOR: "1", npm_command: "" }, // the same words whoever started the tests
    stdout: "piped",
    stderr: "piped",
  });
}

/** Calls the command line in a process of its own, on WebAssembly unless the arguments say otherwise. */
export async function adt(...args: string[]): Promise<Outcome> {
  return outcome(await command(args).output());
}

/** Calls the command line, waits until `ready`, sends Ctrl-C, and waits for the end. */
export function adtInterrupted(ready: () => Promise<boolean>, ...args: string[]): Promise<Outcome> {
  return adtEnded("SIGINT", ready, args);
}

/** The same with `kill -9`. */
export function adtKilled(ready: () => Promise<boolean>, ...args: string[]): Promise<Outcome> {
  return adtEnded("SIGKILL", ready, args);
}

async function adtEnded(
  signal: Deno.Signal,
  ready: () => Promise<boolean>,
  args: string[],
): Promise<Outcome> {
  const child = command(args).spawn();
  let ended = false;
  const output = child.output().finally(() => ended = true);
  while (!ended && !await ready()) await new Promise((resolve) => setTimeout(resolve, 20));
  if (!ended) child.kill(signal);
  return outcome(await output);
}

function outcome({ code, stdout, stderr }: Deno.CommandOutput): Outcome {
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, stdout: text(stdout), stderr: text(stderr) };
}

/** Runs a test with a temporary folder, removed afterwards. */
export async function withFolder(test: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "adt-test-" });
  try {
    await test(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Writes the configuration of a tiny classifier's training, with other lines at its end, and returns its path. */
export async function tinyTraining(folder: string, lines = ""): Promise<string> {
  const file = join(folder, "tiny.yaml");
  await Deno.writeTextFile(
    file,
    `
model: { _class_name: DigitClassifier, image_size: 28, in_channels: 3, channels: [4], strides: [2],
  norm_num_groups: 2, feature_size: 4, num_classes: 10 }
objective: { kind: classification, views: { rotation: 0.2, translation: 0.1 } }
optimizer: { lr: 1.0e-3 }
train: { steps: 6, batch_size: 2 }
output: ${JSON.stringify(join(folder, "run"))}
${lines}`,
  );
  return file;
}
