import { join } from "node:path";
import type { Kill } from "./kill.ts";
import { descendants, signalProcess } from "./processes.ts";
import type { KilledCommand } from "./subject.ts";

/** How a call of a command ended. */
export interface Ended {
  /** Whether the signal came before the end. */
  killed: boolean;
  code: number;
  stderr: string;
  /** What it took: seconds, and changes of files. */
  time: number;
  changes: number;
}

/**
 * Calls a command once.
 *
 * @param kill to be sent; `whole` is what a run that is not killed takes
 */
export async function run(
  command: KilledCommand,
  kill?: { kill: Kill; whole: Pick<Ended, "time" | "changes"> },
): Promise<Ended> {
  const log = join(command.work, "..", "stderr.txt"), start = performance.now();
  const watcher = Deno.watchFs(command.work);
  const child = new Deno.Command("sh", { // its words go to a file, which its own children may hold open
    args: ["-c", 'exec "$0" "$@" >/dev/null 2>"$LOG"', Deno.execPath(), ...await command.args()],
    env: { LOG: log, NO_COLOR: "1" },
    stdin: "null",
  }).spawn();
  let changes = 0, killed = false, over = false;
  const strike = async ({ signal, whom }: Kill) => {
    const others = whom === "process" ? [] : await descendants(child.pid);
    const victims = whom === "child" && others.length > 0 ? others.slice(0, 1) : [child.pid, ...others];
    if (over || killed) return;
    killed = true;
    for (const pid of victims) signalProcess(pid, signal);
  };
  const at = kill && kill.kill.share * kill.whole[kill.kill.after];
  const timer = kill?.kill.after === "time" ? setTimeout(() => strike(kill.kill), 1000 * at!) : undefined;
  const watching = (async () => {
    for await (const _ of watcher) {
      changes++;
      if (kill?.kill.after === "changes" && changes >= at!) await strike(kill.kill);
    }
  })();
  const { code } = await child.status;
  over = true;
  clearTimeout(timer);
  watcher.close();
  await watching;
  const time = (performance.now() - start) / 1000;
  return { killed, code, stderr: await Deno.readTextFile(log), time, changes };
}
