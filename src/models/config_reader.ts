import { distance } from "fastest-levenshtein";
import { UserError } from "../runtime/errors.ts";
import { listed, quoted } from "../runtime/wording.ts";
import { LARGEST_SIZE, MOST_LAYERS, MOST_LEVELS } from "./config_limits.ts";

/**
 * Reads a model's `config.json` value by value and collects all that is wrong, so that one error can name it. A value
 * that is missing or null takes the fallback; without one it is a problem. What a reading function returns when it notes
 * a problem is of the right type only.
 */
export interface ConfigReader {
  /** A whole number of at least 1, or `least`, that is a size. */
  integer(key: string, fallback?: number, least?: number): number;
  /** How many layers or blocks there are. */
  layers(key: string, fallback?: number): number;
  number(key: string, fallback?: number): number;
  /** A number above 0. */
  positive(key: string, fallback?: number): number;
  boolean(key: string, fallback: boolean): boolean;
  /** One of the values given, the first of which is the fallback for a missing value; null counts as a value if listed. */
  oneOf<T extends string | number | boolean | null>(key: string, allowed: readonly T[]): T;
  /** Sizes, or numbers of layers. */
  integers(key: string): number[];
  layersOfEach(key: string): number[];
  /** One number for each of `count` levels: a list, or a number that is the same for all. */
  integerPerLevel(key: string, count: number, fallback?: number): number[];
  layersPerLevel(key: string, count: number, fallback?: number): number[];
  names(key: string, allowed: readonly string[]): string[];
  /**
   * Notes values that differ from the only ones supported. Missing and null ones are right; where the only value means
   * "off" (null or false), either is; a list says the same for each level.
   */
  only(fixed: Readonly<Record<string, unknown>>): void;
  /**
   * The config read, checked once more for values that are each right but do not fit each other.
   *
   * @throws UserError that lists all problems
   */
  finish<T>(config: T, misfits: (config: T) => string[]): T;
}

/**
 * A reader of one config.
 *
 * ```ts
 * import { configReader } from "./config_reader.ts";
 * const read = configReader({ layers: 2, act_fn: "silu" }, "AutoencoderKL");
 * read.only({ act_fn: "silu", dropout: 0 });
 * console.log(read.finish({ layers: read.integer("layers"), groups: read.integer("groups", 32) }, () => [])); // { layers: 2, groups: 32 }
 * ```
 *
 * @param className of the model, for the error
 */
export function configReader(raw: Readonly<Record<string, unknown>>, className: string): ConfigReader {
  const problems: string[] = [];
  /** Keys that were asked for. */
  const known = new Set<string>();
  const at = (key: string) => (known.add(key), raw[key]);
  const text = (value: unknown) => quoted(value);
  const expected = (key: string, what: string) =>
    problems.push(`${key}: expected ${what}, got ${text(raw[key])}`);
  const unsupported = (key: string, value: unknown, only: string) =>
    problems.push(`${key}: ${text(value)} is not supported, only ${only}`);
  const isCount = (value: unknown, least = 1) => Number.isInteger(value) && (value as number) >= least;
  const list = (key: string): unknown[] => {
    const value = at(key);
    if (Array.isArray(value) && value.length > 0 && value.length <= MOST_LEVELS) return value;
    const long = Array.isArray(value) && value.length > 0;
    expected(key, long ? `a list of at most ${MOST_LEVELS}` : "a list");
    return [];
  };
  const count = (key: string, most: number, fallback?: number, least = 1) => {
    const value = at(key) ?? fallback;
    if (!isCount(value, least)) expected(key, `a whole number of at least ${least}`);
    else if (value as number > most) expected(key, `a whole number of at most ${most}`);
    else return value as number;
    return least;
  };
  const counts = (key: string, most: number) => {
    const given = list(key), before = problems.length;
    for (const entry of given) {
      if (!isCount(entry)) problems.push(`${key}: ${text(entry)} is no whole number of at least 1`);
      else if (entry as number > most) problems.push(`${key}: ${text(entry)} is more than ${most}`);
    }
    return problems.length > before ? [] : given as number[];
  };
  const perLevel = (key: string, most: number, levels: number, fallback?: number) =>
    Array.isArray(at(key)) ? counts(key, most) : new Array<number>(levels).fill(count(key, most, fallback));
  const reader: ConfigReader = {
    integer: (key, fallback, least) => count(key, LARGEST_SIZE, fallback, least),
    layers: (key, fallback) => count(key, MOST_LAYERS, fallback),
    number(key, fallback) {
      const value = at(key) ?? fallback;
      if (Number.isFinite(value)) return value as number;
      expected(key, "a number");
      return 0;
    },
    positive(key, fallback) {
      const value = at(key) ?? fallback;
      if (Number.isFinite(value) && value as number > 0) return value as number;
      expected(key, "a number above 0");
      return 1;
    },
    boolean(key, fallback) {
      const value = at(key) ?? fallback;
      if (typeof value !== "boolean") expected(key, "true or false");
      return value === true;
    },
    oneOf(key, allowed) {
      const value = at(key) === undefined ? allowed[0] : raw[key], found = allowed.find((v) => v === value);
      if (found === undefined) unsupported(key, value, allowed.map(text).join(", "));
      return found === undefined ? allowed[0]! : found;
    },
    integers: (key) => counts(key, LARGEST_SIZE),
    layersOfEach: (key) => counts(key, MOST_LAYERS),
    integerPerLevel: (key, levels, fallback) => perLevel(key, LARGEST_SIZE, levels, fallback),
    layersPerLevel: (key, levels, fallback) => perLevel(key, MOST_LAYERS, levels, fallback),
    names(key, allowed) {
      const values = list(key) as string[];
      for (const name of values) if (!allowed.includes(name)) unsupported(key, name, allowed.join(", "));
      return values;
    },
    only(fixed) {
      for (const [key, value] of Object.entries(fixed)) {
        known.add(key);
        const given = raw[key] ?? value;
        const fits = (one: unknown) => one === value || isOff(one) && isOff(value);
        if (!(Array.isArray(given) ? given.every(fits) : fits(given))) unsupported(key, given, text(value));
      }
    },
    finish(config, misfits) {
      if (problems.length === 0) problems.push(...misfits(config));
      if (problems.length) {
        throw new UserError(`${className} config.json:\n  ${listed(problems, "\n  ", 30)}`);
      }
      for (const [key, meaning] of misspelt(Object.keys(raw), known)) {
        console.error(
          `${className} config.json: unknown key "${key}" is ignored, did you mean "${meaning}"?`,
        );
      }
      return config;
    },
  };
  return reader;
}

const isOff = (value: unknown) => value === null || value === false;

/**
 * Unknown keys that are nearly a known one that is not given: configs carry many keys that a network does not read, so only
 * these are taken for slips.
 */
function misspelt(given: readonly string[], known: ReadonlySet<string>): [key: string, meant: string][] {
  const absent = [...known].filter((key) => !given.includes(key));
  return given.filter((key) => !known.has(key)).flatMap((key) => {
    const meant = absent.find((one) =>
      one.length > 6 && Math.abs(one.length - key.length) <= 2 && distance(key, one) <= 2
    );
    return meant ? [[key, meant] as [string, string]] : [];
  });
}
