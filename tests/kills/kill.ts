import { integer, uniform } from "../../src/runtime/random.ts";

/** A signal at a moment of a run. */
export interface Kill {
  signal: Deno.Signal;
  /** The command's own process, that one and all it has started (as a terminal does), or one that it has started. */
  whom: "process" | "all" | "child";
  /** The moment: after a share of the time that the whole run takes, or of the changes that it makes to files. */
  after: "time" | "changes";
  share: number;
}

const SIGNALS = ["SIGKILL", "SIGKILL", "SIGKILL", "SIGTERM", "SIGINT", "SIGHUP"] as const,
  VICTIMS = ["process", "process", "all", "child"] as const;

/** The kills of a case: one, two or three in a row. */
export function killsOf(seed: number, number: number): Kill[] {
  return Array.from({ length: 1 + number % 3 }, (_, sample) => {
    const key = { seed, purpose: "kill", step: number, sample };
    const [signal, whom, after] = integer(key, 3, 12),
      [share] = uniform({ ...key, purpose: "moment of a kill" }, 1);
    return {
      signal: SIGNALS[signal! % SIGNALS.length]!,
      whom: VICTIMS[whom! % VICTIMS.length]!,
      after: after! < 3 ? "time" : "changes",
      share: share!,
    };
  });
}

/** A kill in words. */
export function killText({ signal, whom, after, share }: Kill): string {
  return `${signal} to ${whom} after ${Math.round(100 * share)} % of the ${after}`;
}
