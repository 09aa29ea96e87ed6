import { Command, InvalidArgumentError } from "commander";
import { fileURLToPath } from "node:url";
import { UserError } from "./runtime/errors.ts";
import { Interrupted, stoppable } from "./runtime/install/interrupted.ts";
import { runCommand } from "./runtime/python.ts";
import { STOP_SIGNALS } from "./runtime/stop.ts";
import { taskCommand } from "./runtime/task_command.ts";

/** Where the notebooks' Python environment is and how to start its programs. */
export interface Lab {
  /** Folder of the repository. */
  root: string;
  /** The environment's own Python. */
  python: string;
}

export interface LabOptions {
  /** Folder of the repository; the one this file belongs to unless told. */
  root?: string;
  /** Is told what is being done. */
  log?: (line: string) => void;
}

const windows = Deno.build.os === "windows";

/** Prefers this environment's kernel to one of the same name elsewhere on the machine. */
export const LAB_ENVIRONMENT = { JUPYTER_PREFER_ENV_PATH: "1" };

/** Fails with the program's own last words. */
async function call(program: string, args: string[], signal: AbortSignal): Promise<void> {
  const { success, stderr, stdout } = await runCommand(program, args, {}, signal);
  if (success) return;
  const words = (stderr || stdout).trim().split("\n").slice(-8).join("\n");
  throw new UserError(`${[program, ...args].join(" ")} failed:\n${words}`);
}

async function findPythonWithVenv(signal: AbortSignal): Promise<string> {
  const named = Deno.env.get("ADT_PYTHON");
  for (const name of named ? [named] : windows ? ["python", "py"] : ["python3", "python"]) {
    const check = ["-c", "import sys, venv; sys.exit(sys.version_info < (3, 10))"];
    if ((await runCommand(name, check, {}, signal)).success) return name;
  }
  if (named) {
    throw new UserError(`ADT_PYTHON names ${named}, which is no Python 3.10 or newer with its venv module`);
  }
  throw new UserError(
    "JupyterLab needs Python 3.10 or newer with its venv module, and none was found. Install it and try again " +
      "(Debian, Ubuntu: apt install python3-venv; macOS: brew install python; Windows: winget install Python.Python.3.13), or set " +
      "ADT_PYTHON to its path.",
  );
}

/** Writes the kernel's description into the environment, for the very Deno that runs this. */
async function installKernel(environment: string): Promise<void> {
  const folder = `${environment}/share/jupyter/kernels/deno`;
  await Deno.mkdir(folder, { recursive: true });
  const spec = {
    argv: [Deno.execPath(), "jupyter", "--kernel", "--conn", "{connection_file}"],
    display_name: "Deno",
    language: "typescript",
  };
  await Deno.writeTextFile(`${folder}/kernel.json`, JSON.stringify(spec, null, 2) + "\n");
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await Deno.readTextFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

/**
 * Makes the environment `.venv` with JupyterLab and the Deno kernel, or finds it made. The versions are those of
 * `notebooks/requirements.txt`; the work is done once per content of that file. A signal to stop ends pip and removes the
 * environment that it fills.
 *
 * @throws UserError when there is no suitable Python, or when pip fails; what pip said is in the message. `Interrupted` when
 * it was stopped
 */
export async function prepareLab(options: LabOptions = {}): Promise<Lab> {
  const { root = fileURLToPath(new URL("..", import.meta.url)).replace(/[\/\\]$/, ""), log = console.error } =
    options;
  const environment = `${root}/.venv`, stamp = `${environment}/installed-requirements.txt`;
  const python = windows ? `${environment}/Scripts/python.exe` : `${environment}/bin/python`;
  const requirements = `${root}/notebooks/requirements.txt`;
  const wanted = await Deno.readTextFile(requirements);
  if (await readIfThere(stamp) !== wanted) {
    await stoppable(async (signal) => {
      const found = await findPythonWithVenv(signal);
      try {
        log("notebooks, 1 of 2: making the Python environment .venv …");
        await call(found, ["-m", "venv", "--clear", environment], signal);
        log("notebooks, 2 of 2: installing JupyterLab into it (about a minute, once) …");
        const quiet = ["--quiet", "--disable-pip-version-check"];
        await call(python, ["-m", "pip", "install", ...quiet, "--requirement", requirements], signal);
      } catch (error) {
        if (signal.aborted) await Deno.remove(environment, { recursive: true }).catch(() => {});
        throw error;
      }
      await Deno.writeTextFile(stamp, wanted);
    });
  }
  await installKernel(environment);
  return { root, python };
}

interface Arguments {
  browser: boolean;
  port: number;
}

function portNumber(text: string): number {
  const port = Number(text);
  if (Number.isInteger(port) && port > 0 && port < 65536) return port;
  throw new InvalidArgumentError("Give a whole number from 1 to 65535.");
}

/** Opens JupyterLab on the notebooks and stays until it ends. Returns its exit status. */
async function openLab({ root, python }: Lab, { browser, port }: Arguments): Promise<number> {
  const args = ["-m", "jupyterlab", "-y", `--ServerApp.root_dir=${root}`, `--port=${port}`];
  args.push("--LabApp.default_url=/lab/tree/notebooks", ...browser ? [] : ["--no-browser"]);
  if (Deno.uid() === 0) args.push("--allow-root"); // as in most containers
  const server = new Deno.Command(python, { args, cwd: root, env: LAB_ENVIRONMENT }).spawn();
  // JupyterLab ends its kernels on SIGTERM; on Ctrl-C alone it does so only at a terminal.
  for (const signal of STOP_SIGNALS) Deno.addSignalListener(signal, () => server.kill("SIGTERM"));
  return (await server.status).code;
}

if (import.meta.main) {
  const command = new Command(taskCommand("lab"))
    .description(
      "Opens the notebooks in JupyterLab with the Deno kernel. The first call sets both up in .venv.",
    )
    .option("--no-browser", "print the address instead of opening a browser")
    .option("--port <number>", "port to listen on", portNumber, 8888)
    .allowExcessArguments(false)
    .exitOverride(({ exitCode }) => Deno.exit(exitCode === 0 ? 0 : 2));
  try {
    const chosen = command.parse(Deno.args, { from: "user" }).opts<{ browser: boolean; port: number }>();
    Deno.exit(await openLab(await prepareLab(), chosen));
  } catch (error) {
    if (error instanceof Interrupted) {
      console.error(error.message);
      Deno.exit(error.exitCode);
    }
    if (!(error instanceof UserError)) throw error;
    console.error(`error: ${error.message}`);
    Deno.exit(1);
  }
}
