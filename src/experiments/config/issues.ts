import { z } from "zod";
import { cut, meant, quoted } from "../../runtime/wording.ts";

type Issue = z.core.$ZodIssue;
type Path = readonly PropertyKey[];

/**
 * One line per fault: the key's path, what was given, what is allowed, and the nearest valid name where one is near.
 *
 * @param root the schema of the whole configuration
 * @param given the whole configuration as it was given
 */
export function explainIssue(issue: Issue, root: z.core.$ZodType, given: unknown): string[] {
  const at = pathText(issue.path);
  switch (issue.code) {
    case "unrecognized_keys": {
      const allowed = keysAt(root, issue.path, given);
      return issue.keys.map((key) =>
        `${pathText([...issue.path, key])}: there is no such key${meant(key, allowed)}; ` +
        `allowed here: ${allowed.join(", ")}`
      );
    }
    case "invalid_type":
      return [`${at}: ${got(issue.input)}, expected ${KINDS[issue.expected] ?? issue.expected}`];
    case "invalid_value":
      return [`${at}: ${choice(issue.input, issue.values)}`];
    case "invalid_union": {
      const { options } = issue as { options?: unknown[] };
      if (options) return [`${at}: ${choice(valueAt(given, issue.path), options)}`];
      if (issue.message !== UNSAID) return [`${at}: ${issue.message}`];
      return nearest(issue.errors).flatMap((inMember) =>
        explainIssue({ ...inMember, path: [...issue.path, ...inMember.path] }, root, given)
      );
    }
    case "invalid_key":
      return [
        `${pathText(issue.path.slice(0, -1))}: got a key without a name, expected a name before the colon`,
      ];
    case "too_small": {
      const limit = `${issue.inclusive ? "at least" : "more than"} ${issue.minimum}`;
      return [`${at}: ${outOfRange(issue.input, issue.origin, limit)}`];
    }
    case "too_big": {
      const limit = `${issue.inclusive ? "at most" : "less than"} ${issue.maximum}`;
      return [`${at}: ${outOfRange(issue.input, issue.origin, limit)}`];
    }
    default:
      return [`${at}: ${issue.message}`];
  }
}

/** What zod says of a union that has no words of its own. */
const UNSAID = "Invalid input";

/** Of the faults that a value has as each member of a union, those as the member it is nearest to. */
function nearest(faults: readonly Issue[][]): Issue[] {
  const count = (issues: readonly Issue[]) =>
    issues.reduce((sum, issue) => sum + (issue.code === "unrecognized_keys" ? issue.keys.length : 1), 0);
  return faults.toSorted((a, b) => count(a) - count(b))[0]!;
}

const KINDS: Readonly<Record<string, string>> = {
  number: "a number",
  int: "a whole number",
  string: "text",
  boolean: "true or false",
  array: "a list",
  tuple: "a list",
  object: "a mapping of keys to values",
  record: "a mapping of keys to values",
};

function got(input: unknown): string {
  return input === undefined ? "missing" : `got ${show(input)}`;
}

function choice(input: unknown, values: readonly unknown[]): string {
  const near = typeof input === "string" ? meant(input, values.map(String)) : "";
  return `${got(input)}, expected ${values.map(show).join(" or ")}${near}`;
}

function outOfRange(input: unknown, origin: string, limit: string): string {
  if (origin === "array") return `got ${(input as unknown[]).length} items, expected ${limit}`;
  return `got ${show(input)}, expected ${limit}${origin === "string" ? " characters" : ""}`;
}

function show(value: unknown): string {
  if (value === null) return "nothing (null)";
  if (Array.isArray(value)) return "a list";
  if (value instanceof Date) return `the date ${value.toISOString()}`;
  if (typeof value === "object") return "a mapping";
  return typeof value === "string" ? quoted(value) : String(value);
}

/** `["adt", "plan", "steps"]` as adt.plan.steps, `["betas", 0]` as betas[0]. */
function pathText(path: Path): string {
  if (path.length === 0) return "the whole file";
  return path.map((key) => typeof key === "number" ? `[${key}]` : `.${cut(String(key))}`).join("").replace(
    /^\./,
    "",
  );
}

function valueAt(given: unknown, path: Path): unknown {
  return path.reduce((value, key) => (value as Record<PropertyKey, unknown> | undefined)?.[key], given);
}

/** The keys that the schema allows in the mapping at `path`; where the mapping's kind decides, those of its kind. */
function keysAt(root: z.core.$ZodType, path: Path, given: unknown): string[] {
  let schema = inner(root, given), value = given;
  for (const key of path) {
    value = valueAt(value, [key]);
    const shape = shapeOf(schema), name = String(key);
    const next = typeof key === "number" ? elementOf(schema, key) : Object.hasOwn(shape, name) && shape[name];
    if (!next) return [];
    schema = inner(next, value);
  }
  return Object.keys(shapeOf(schema));
}

type Definition = z.core.$ZodTypes["_zod"]["def"];

function definition(schema: z.core.$ZodType): Definition {
  return (schema as z.core.$ZodTypes)._zod.def;
}

function shapeOf(schema: z.core.$ZodType): Readonly<Record<string, z.core.$ZodType>> {
  const def = definition(schema);
  return def.type === "object" ? def.shape : {};
}

function elementOf(schema: z.core.$ZodType, index: number): z.core.$ZodType | undefined {
  const def = definition(schema);
  return def.type === "array" ? def.element : def.type === "tuple" ? def.items[index] : undefined;
}

/** Strips defaults and "or null", and picks the member of a union that the value's discriminator names, or it is nearest to. */
function inner(schema: z.core.$ZodType, value: unknown): z.core.$ZodType {
  const def = definition(schema);
  if (
    def.type === "default" || def.type === "prefault" || def.type === "nullable" || def.type === "optional"
  ) {
    return inner(def.innerType, value);
  }
  if (def.type === "pipe") return inner(def.in, value); // what is transformed is what was given
  if (def.type === "union" && "discriminator" in def) {
    const name = String(def.discriminator), kind = valueAt(value, [name]);
    return def.options.find((option) => {
      const field = shapeOf(option)[name];
      return field && field._zod.values?.has(kind as z.core.util.Primitive);
    }) ?? schema;
  }
  if (def.type === "union") {
    const faults = def.options.map((option) => z.core.safeParse(option, value).error?.issues ?? []);
    return inner(def.options[faults.indexOf(nearest(faults))]!, value);
  }
  return schema;
}
