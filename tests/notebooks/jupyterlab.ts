import type { Page } from "playwright-core";
import { LAB_ENVIRONMENT, prepareLab } from "../../src/lab.ts";

/** A JupyterLab on the project's folder, for one test. */
export interface JupyterLab extends AsyncDisposable {
  origin: string;
  /** Address that opens a file of the project. */
  address(path: string): string;
}

/** Draws all cells, also those out of sight, saves nothing, and asks nobody for news. */
const SETTINGS = {
  "docmanager-extension/plugin": { autosave: false },
  "notebook-extension/tracker": { windowingMode: "none" },
  "apputils-extension/notification": { fetchNews: "false", checkForUpdates: false },
};

async function writeSettings(folder: string): Promise<void> {
  for (const [name, settings] of Object.entries(SETTINGS)) {
    const file = `${folder}/@jupyterlab/${name}.jupyterlab-settings`;
    await Deno.mkdir(file.slice(0, file.lastIndexOf("/")), { recursive: true });
    await Deno.writeTextFile(file, JSON.stringify(settings));
  }
}

function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}

/** Starts a JupyterLab with settings of its own and waits until it answers. */
export async function startJupyterLab(): Promise<JupyterLab> {
  const { python, root } = await prepareLab(), folder = await Deno.makeTempDir();
  await writeSettings(`${folder}/settings`);
  const port = freePort(), token = crypto.randomUUID(), origin = `http://127.0.0.1:${port}`;
  const options = {
    "ServerApp.root_dir": root,
    "ServerApp.ip": "127.0.0.1",
    "ServerApp.port": port,
    "ServerApp.port_retries": 0,
    "IdentityProvider.token": token,
    "ContentsManager.allow_hidden": "True",
    "LabApp.expose_app_in_browser": "True",
    "LabApp.user_settings_dir": `${folder}/settings`,
    "LabApp.workspaces_dir": `${folder}/workspaces`,
  };
  const server = new Deno.Command(python, {
    args: [
      "-m",
      "jupyterlab",
      "-y",
      "--no-browser",
      ...Deno.uid() === 0 ? ["--allow-root"] : [],
      ...Object.entries(options).map(([key, value]) => `--${key}=${value}`),
    ],
    cwd: root,
    env: { ...LAB_ENVIRONMENT, JUPYTER_CONFIG_DIR: `${folder}/config` },
    stdout: "null",
    stderr: "null",
  }).spawn();
  const ended = server.status.then(({ code }) =>
    Promise.reject(new Error(`JupyterLab ended with status ${code}`))
  );
  ended.catch(() => {});
  await Promise.race([ended, answers(`${origin}/api?token=${token}`)]);
  return {
    origin,
    address: (path) => `${origin}/lab/tree/${path}?token=${token}`,
    async [Symbol.asyncDispose]() {
      server.kill("SIGTERM");
      await server.status;
      await Deno.remove(folder, { recursive: true });
    },
  };
}

async function answers(address: string): Promise<void> {
  for (;;) {
    try {
      const response = await fetch(address);
      await response.body?.cancel();
      if (response.ok) return;
    } catch (error) {
      if (!(error instanceof TypeError)) throw error; // nobody listens yet
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** What a page of JupyterLab has: its application, as `expose_app_in_browser` says. */
interface LabWindow {
  jupyterapp: {
    restored: Promise<void>;
    commands: { execute(command: string): Promise<unknown> };
    shell: { currentWidget: { sessionContext?: { ready: Promise<void> } } | null };
  };
}

/** Waits until the notebook that the page opens is there with its kernel, then starts all its cells. */
export async function runAllCells(page: Page): Promise<void> {
  await page.waitForSelector(".jp-Notebook .jp-CodeCell");
  await page.evaluate(async () => {
    const { jupyterapp } = globalThis as unknown as LabWindow;
    await jupyterapp.restored;
    await jupyterapp.shell.currentWidget?.sessionContext?.ready;
    void jupyterapp.commands.execute("notebook:run-all-cells");
  });
}

/** Waits until every code cell has run. */
export async function allCellsDone(page: Page): Promise<void> {
  await page.waitForFunction(
    () => {
      const prompts = [...document.querySelectorAll(".jp-CodeCell .jp-InputArea-prompt")];
      return prompts.length > 0 && prompts.every(({ textContent }) => /^\[\d+\]:$/.test(textContent ?? ""));
    },
  );
}
