import fc from "fast-check";
import { type Content, oddFileOrPipe } from "./input.ts";
import { oddBytes } from "./odd_bytes.ts";

/** Texts that stand for JSON which JSON.stringify() does not write. */
const RAW: readonly string[] = [
  "1e999",
  "-1e999",
  "-0",
  "NaN",
  "Infinity",
  "9007199254740993",
  "18446744073709551616",
  "1" + "0".repeat(400),
  '"\\ud800"',
  '"\\u0000"',
  '{"a":1,"a":2}',
  '{"__proto__":{"x":1}}',
  '{"__proto__":null,"constructor":1,"length":3}',
  "[".repeat(2000) + "]".repeat(2000),
  "[".repeat(1e5) + "]".repeat(1e5),
  '{"a":'.repeat(1e5) + "1" + "}".repeat(1e5),
  '{"type":"Sequence","normalizers":['.repeat(500) + "]}".repeat(500),
];

/** What a value of a JSON file is replaced by. */
const ODD: readonly unknown[] = [
  null,
  true,
  false,
  -1,
  0,
  1,
  0.5,
  65_536,
  3e7,
  2 ** 31,
  2 ** 53,
  1e308,
  5e-324,
  "",
  "x",
  "\0",
  "..",
  "/etc/passwd",
  "__proto__",
  "constructor",
  [],
  [[]],
  [null],
  {},
  { x: { x: null } },
  { toString: 1, length: -1 },
  [["x", 1], ["x"]],
];

const LARGE: readonly unknown[] = [
  "x".repeat(1e5),
  Array(1e5).fill(1),
  Array(1e5).fill("x"),
  Array.from({ length: 1e4 }, () => ({})), // one object many times would be changed in all places at once
];

const KEYS = [
  "__proto__",
  "constructor",
  "toString",
  "hasOwnProperty",
  "length",
  "",
  "type",
  "x".repeat(1e4),
  "\ud800",
];

const oddValue: fc.Arbitrary<unknown> = fc.oneof(
  { weight: 12, arbitrary: fc.constantFrom(...ODD) },
  { weight: 4, arbitrary: fc.nat(RAW.length - 1).map((i) => `@raw${i}@`) },
  { weight: 2, arbitrary: fc.constantFrom(...LARGE) },
  { weight: 1, arbitrary: fc.jsonValue({ maxDepth: 3 }) },
  { weight: 1, arbitrary: fc.string({ unit: "binary" }) },
  { weight: 1, arbitrary: fc.double() },
  { weight: 1, arbitrary: fc.integer() },
);

interface Change {
  /** Down from the root: of each node the child of this number, counted round. */
  path: readonly number[];
  how: "set" | "leave out" | "add" | "repeat";
  odd: unknown;
  key: string;
}

const change: fc.Arbitrary<Change> = fc.record({
  path: fc.array(fc.nat(100_000), { minLength: 1, maxLength: 6 }),
  how: fc.constantFrom("set", "set", "set", "set", "set", "leave out", "add", "repeat"),
  odd: oddValue,
  key: fc.constantFrom(...KEYS),
});

/**
 * Texts of a JSON value in which one to three nodes, anywhere in it, are another value than what is expected there; now and
 * then one that no JSON.stringify() writes, or no JSON.
 */
export function oddJson(value: unknown): fc.Arbitrary<string> {
  const text = JSON.stringify(value);
  return fc.array(change, { minLength: 1, maxLength: 3 }).map((changes) => {
    const root = [JSON.parse(text)];
    for (const one of changes) apply(root, one);
    return JSON.stringify(root[0] ?? null).replaceAll(/"@raw(\d+)@"/g, (_, i) => RAW[Number(i)]!);
  });
}

/** A file that should hold such a value. */
export function oddJsonFile(value: unknown): fc.Arbitrary<Content> {
  const bytes = new TextEncoder().encode(JSON.stringify(value));
  return fc.oneof(
    { weight: 16, arbitrary: oddJson(value) },
    { weight: 1, arbitrary: oddJson(value).map((text) => `\ufeff${text}`) },
    { weight: 2, arbitrary: oddBytes(bytes) },
    { weight: 1, arbitrary: oddFileOrPipe },
  );
}

type Node = Record<string | number, unknown>;

function apply(root: unknown[], { path, how, odd, key }: Change): void {
  let parent = root as unknown as Node, at: string | number = 0;
  for (const step of path) {
    const node: unknown = parent[at];
    if (typeof node !== "object" || node === null) break;
    const keys = Object.keys(node);
    if (keys.length === 0) break;
    const name = keys[step % keys.length]!;
    parent = node as Node, at = Array.isArray(node) ? Number(name) : name;
  }
  const node = parent[at];
  if (how === "leave out" && !Array.isArray(parent)) delete parent[at];
  else if (how === "add" && typeof node === "object" && node !== null) add(node, key, odd);
  else if (how === "repeat" && Array.isArray(node)) node.push(...structuredClone(node));
  else parent[at] = structuredClone(odd);
}

function add(node: object, key: string, value: unknown): void {
  if (Array.isArray(node)) node.push(structuredClone(value));
  // an assignment to __proto__ would set the prototype
  else {Object.defineProperty(node, key, {
      value: structuredClone(value),
      enumerable: true,
      configurable: true,
      writable: true,
    });}
}
