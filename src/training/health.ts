import { NotFiniteError } from "../runtime/errors.ts";
import { listed } from "../runtime/wording.ts";

/**
 * How an update went: `healthy`; `suspect`, which happens now and then and does no harm; or `lost`: the numbers say that the
 * weights before it are of no use.
 */
export type Grade = "healthy" | "suspect" | "lost";

/** What an update reported. */
type Metrics = Readonly<Record<string, number>>;

/** An update's grade, and what is wrong if it is not healthy. */
export interface Verdict {
  grade: Grade;
  why?: string;
}

/** Judges the updates of a training, in their order. */
export type Health = (metrics: Metrics) => Verdict;

/** Loss and gradient norm, as far as an update reports them; those of the discriminator go up and down with its success. */
const WATCHED = ["loss", "loss_diffusion", "grad_norm"];

/** Updates before that an update is compared with, at most. */
const WINDOW = 100;

/** So many times the median of the updates before is suspect, and so many times more than a spike. */
const SUSPECT = 10, LOST = 100;

/**
 * The rule of health. An update is healthy if all numbers that it reports are finite, and its loss and the norm of its
 * gradient are at most 10 times the median of the last 100 updates that were not lost. It is lost if a number is not finite
 * or the loss is more than 100 times that median, and suspect in between.
 *
 * ```ts
 * import { trainingHealth } from "./health.ts";
 * const health = trainingHealth();
 * console.log(health({ loss: 0.2 }).grade, health({ loss: 3 }).grade, health({ loss: NaN }).grade); // healthy suspect lost
 * ```
 *
 * @param before what the updates of a resumed training reported, as far as its log has them, oldest first
 */
export function trainingHealth(before: readonly Readonly<Record<string, unknown>>[] = []): Health {
  const recent = new Map<string, number[]>();
  const health: Health = (metrics) => {
    const verdict = verdictOf(metrics, recent);
    if (verdict.grade === "lost") return verdict;
    for (const name of WATCHED) {
      if (metrics[name] !== undefined) {
        recent.set(name, [...recent.get(name) ?? [], metrics[name]].slice(-WINDOW));
      }
    }
    return verdict;
  };
  for (const record of before.slice(-WINDOW)) health(watchedOf(record));
  return health;
}

function watchedOf(record: Readonly<Record<string, unknown>>): Metrics {
  const numbers = WATCHED.flatMap((name) => {
    const value = record[name];
    return typeof value === "number" ? [[name, value]] : [];
  });
  return Object.fromEntries(numbers);
}

function verdictOf(metrics: Metrics, recent: ReadonlyMap<string, readonly number[]>): Verdict {
  const broken = Object.entries(metrics).filter(([, value]) => !Number.isFinite(value));
  if (broken.length > 0) {
    return { grade: "lost", why: listed(broken.map(([name, value]) => `${name} = ${value}`), ", ", 3) };
  }
  let worst: Verdict = { grade: "healthy" };
  for (const [name, before] of recent) {
    const value = metrics[name] ?? 0, usual = median(before);
    if (usual <= 0 || value <= SUSPECT * usual || worst.grade === "lost") continue;
    const lost = name !== "grad_norm" && value > LOST * usual;
    const why = `${name} = ${value.toPrecision(3)}, where ${usual.toPrecision(3)} was usual`;
    worst = { grade: lost ? "lost" : "suspect", why };
  }
  return worst;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[(values.length - 1) >> 1]!;
}

/** A training whose weights are lost. */
export class Divergence extends NotFiniteError {
  override name = "Divergence";
  /** The message without advice. */
  readonly summary: string;

  /**
   * @param step the first of the lost updates; @param last the last one
   * @param why what was wrong with the first
   */
  constructor(readonly step: number, readonly last: number, readonly why: string, advice = "") {
    const until = last > step ? `, and nothing better until update ${last}` : "";
    const summary = `training diverged at update ${step}: ${why}${until}`;
    super(summary + advice);
    this.summary = summary;
  }
}
