import type { Rows } from "../display/text.ts";
import type { Measurement } from "./measure.ts";
import { eagerPeer, fastestPeer, oursOf, rounded } from "./ratios.ts";
import type { CaseResult, Target } from "./results.ts";

type Value = number | undefined;

/** The goals of which both measurements are there. */
export function targetsOf(cases: readonly CaseResult[]): Target[] {
  const named = (name: string) => cases.find((one) => one.name === name) ?? { measurements: [] };
  const adt = named("adt-step"), plain = named("adt-step-plain");
  const binding = wall(named("op-overhead").measurements.find((m) => m.side === "ours, the binding"));
  const all: [string, Value, number][] = [
    [
      "ADT step, bfloat16: time, ours / fastest PyTorch",
      ratio(wall(oursOf(adt, "bfloat16")), wall(fastestPeer(adt, "bfloat16"))),
      0.9,
    ],
    [
      "ADT step: time, ours in bfloat16 / eager PyTorch in float32",
      ratio(wall(oursOf(adt, "bfloat16")), wall(eagerPeer(adt, "float32"))),
      0.5,
    ],
    [
      "ADT step, float32: time, ours / fastest PyTorch",
      ratio(wall(oursOf(adt, "float32")), wall(fastestPeer(adt, "float32"))),
      0.8,
    ],
    [
      "ADT step with plain outermost blocks, float32: time, ours / fastest PyTorch",
      ratio(wall(oursOf(plain, "float32")), wall(fastestPeer(plain, "float32"))),
      0.8,
    ],
    ...(["float32", "bfloat16"] as const).map((precision): [string, Value, number] => [
      `ADT step, ${precision}: peak memory, ours / eager PyTorch`,
      ratio(peak(oursOf(adt, precision)), peak(eagerPeer(adt, precision))),
      0.75,
    ]),
    ["peak memory at T = 50 / T = 5", growth(named("adt-t50"), named("adt-t5")), 1.02],
    ["peak memory at K = 8 / K = 1", growth(named("adt-k8"), named("adt-k1")), 1.05],
    ["binding: µs an op", binding && rounded(1000 * binding), 5],
  ];
  return all.flatMap(([name, value, goal]) => value === undefined ? [] : [{ name, value, goal }]);
}

const wall = (m: Measurement | undefined) => m?.wall_ms.min;
const peak = (m: Measurement | undefined) => m?.peak_mib;

function ratio(a: Value, b: Value): Value {
  return a === undefined || b === undefined ? undefined : rounded(a / b);
}

/** Of this project's peak memory in float32. */
function growth(more: Pick<CaseResult, "measurements">, less: Pick<CaseResult, "measurements">): Value {
  return ratio(peak(oursOf(more, "float32")), peak(oursOf(less, "float32")));
}

/** One row for each target. */
export function targetRows(targets: readonly Target[]): Rows {
  return targets.map(({ name, value, goal }) => ({
    target: name,
    value,
    goal: `at most ${goal}`,
    reached: value <= goal ? "yes" : "no",
  }));
}
