import { join } from "node:path";
import { contentsOf } from "./contents.ts";
import { type Kill, killsOf, killText } from "./kill.ts";
import { ended } from "./processes.ts";
import { type Ended, run } from "./run.ts";
import type { KilledCommand, Subject } from "./subject.ts";

export interface KillOptions {
  /** Kills in all. */
  kills: number;
  seed: number;
  /** Told of every case that has passed. */
  onCase?(kills: string[]): void;
}

/**
 * Runs a command whole, and then again and again with kills at random moments, each time resumed until it comes to its end.
 *
 * @throws Error when it fails, or does not end with what the whole run has, byte for byte but for times
 */
export async function checkKills(subject: Subject, { kills, seed, onCase }: KillOptions): Promise<void> {
  await subject.withCommand(async (command) => {
    await Deno.mkdir(command.work);
    const whole = await run(command);
    if (whole.code !== 0) throw new Error(`${subject.name}: not killed, it fails: ${whole.stderr}`);
    const expected = await contentsOf(command.work);
    for (let number = 0, done = 0; done < kills; number++) {
      await Deno.remove(command.work, { recursive: true });
      await Deno.mkdir(command.work);
      const planned = killsOf(seed, number).slice(0, kills - done), happened: string[] = [];
      try {
        happened.push(...await runKilled(command, planned, whole));
        const faults = differences(await contentsOf(command.work), expected);
        if (faults.length > 0) throw new Error(faults.join("\n  "));
      } catch (error) {
        const kept = await Deno.makeTempDir();
        await Deno.rename(command.work, join(kept, "work"));
        const words = planned.map(killText).join(", ");
        throw new Error(
          `${subject.name}, seed ${seed}, case ${number} (${words}):\n  ${
            (error as Error).message
          }\nwhat it left is in ${kept}`,
        );
      }
      done += happened.length;
      onCase?.(happened);
    }
  });
}

/** Runs a command to its end through some kills. @returns those that came before it */
async function runKilled(command: KilledCommand, kills: Kill[], whole: Ended): Promise<string[]> {
  const happened: string[] = [];
  for (const kill of kills) {
    const { killed, code, stderr } = await again(() => run(command, { kill, whole }));
    if (!killed && code !== 0) throw new Error(`fails with ${code}: ${stderr}`);
    if (!killed) return happened;
    const mayFail = kill.signal === "SIGKILL" || kill.whom === "child";
    if (code === 1 && !(mayFail && /its process ended by/.test(stderr))) {
      throw new Error(`${killText(kill)} makes it fail: ${stderr}`);
    }
    happened.push(killText(kill));
  }
  const { code, stderr } = await again(() => run(command));
  if (code !== 0) throw new Error(`resumed, it fails with ${code}: ${stderr}`);
  return happened;
}

/** What a killed command has started may outlive it for a step: the next call says so, and is repeated. */
async function again(call: () => Promise<Ended>): Promise<Ended> {
  for (;;) {
    const outcome = await call(), [, holder] = /is in use by process (\d+); wait/.exec(outcome.stderr) ?? [];
    if (outcome.code !== 1 || holder === undefined) return outcome;
    await ended(Number(holder));
  }
}

function differences(found: Record<string, string>, expected: Record<string, string>): string[] {
  const names = [...new Set([...Object.keys(found), ...Object.keys(expected)])].sort();
  return names.filter((name) => found[name] !== expected[name]).map((name) => {
    const [a, b] = [found[name] ?? "missing", expected[name] ?? "missing"];
    const from = Math.max(0, [...b].findIndex((letter, i) => a[i] !== letter) - 100);
    return `${name}: …${a.slice(from, from + 200)}…, in the whole run …${b.slice(from, from + 200)}…`;
  });
}
