import { uniform } from "../runtime/random.ts";

/**
 * Through which network calls of a roll-out the gradient flows.
 * - `full`: every call, and through the network's inputs (AlignProp).
 * - `truncated`: the last `steps` calls, and through their inputs (ReFL, DRaFT-K).
 * - `stop-input`: `steps` calls spread evenly, with the gradient stopped at the network's input (ADT, DRTune).
 */
export type PlanSettings =
  | { kind: "full" }
  | { kind: "truncated"; steps: number }
  | { kind: "stop-input"; steps: number };

/** A drawn plan: plain data to log, compare and replay. */
export interface BackwardPlan {
  kind: PlanSettings["kind"];
  /** First step of the roll-out on the sampler's grid. */
  from: number;
  /** One past its last step. */
  to: number;
  /** Steps whose network call is trained, ascending. */
  trained: number[];
}

/**
 * Draws the plan of one roll-out over the steps from…to−1 of a sampler, before it runs.
 *
 * `stop-input` spreads its K steps evenly, (k+u)·n/K for k = 0…K−1 with one random offset u in [0,1), so that over time
 * every step is trained; a roll-out of no more than K steps trains them all.
 *
 * ```ts
 * import { drawPlan } from "./backward_plan.ts";
 * const plan = drawPlan({ kind: "stop-input", steps: 2 }, { from: 0, to: 10 }, { seed: 0, step: 1 });
 * console.log(plan.trained); // [u·5, u·5 + 5], rounded down
 * ```
 *
 * @param settings with K as `steps`
 * @param path the roll-out's first step and the one past its last, on the sampler's grid
 * @param key seed, number of the training step, and group of the batch (0 if left out): the same ones draw the same plan
 * @throws RangeError for K below 1
 */
export function drawPlan(
  settings: PlanSettings,
  path: { from: number; to: number },
  { seed, step, group = 0 }: { seed: number; step: number; group?: number },
): BackwardPlan {
  const { from, to } = path;
  const all = Array.from({ length: to - from }, (_, i) => from + i);
  return { kind: settings.kind, from, to, trained: trainedSteps() };

  function trainedSteps(): number[] {
    if (settings.kind === "full") return all;
    if (!Number.isInteger(settings.steps) || settings.steps < 1) {
      throw new RangeError(`a ${settings.kind} plan trains 1 or more steps, got ${settings.steps}`);
    }
    const count = Math.min(settings.steps, all.length);
    if (settings.kind === "truncated") return all.slice(all.length - count);
    const [offset] = uniform({ seed, step, purpose: "backward plan", sample: group }, 1);
    return Array.from({ length: count }, (_, k) => from + Math.floor((k + offset!) * all.length / count));
  }
}
