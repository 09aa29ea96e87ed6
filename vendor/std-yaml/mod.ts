/**
 * The API of `@std/yaml` over the npm library `yaml`, for places that reach npm but not JSR. `links` in the root's
 * `deno.json` puts it in the place of `jsr:@std/yaml`; without that entry the JSR package is used.
 *
 * Not offered: the schema "extended" and the option `styles`.
 * @module
 */
import {
  Document,
  isAlias,
  isCollection,
  isPair,
  isScalar,
  LineCounter,
  type Pair,
  parseAllDocuments,
  type Tags,
  visit,
  type YAMLMap,
} from "yaml";

/** What plain scalars may mean. "default" is "core" and timestamps, merge keys, binary data, ordered maps, pairs and sets. */
export type SchemaType = "failsafe" | "json" | "core" | "default";

/** Options for {@linkcode parse} and {@linkcode parseAll}. */
export interface ParseOptions {
  schema?: SchemaType;
  /** Later duplicate keys win instead of being a SyntaxError. */
  allowDuplicateKeys?: boolean;
  onWarning?(error: Error): void;
}

/** Options for {@linkcode stringify}. */
export interface StringifyOptions {
  /** Spaces of indentation; 2 if not given. */
  indent?: number;
  /** Whether the items of a sequence inside a mapping are indented; true if not given. */
  arrayIndent?: boolean;
  /** Leaves out functions, symbols and undefined values instead of throwing a TypeError. */
  skipInvalid?: boolean;
  /** Depth from which collections are written in flow style; -1, the default, means never. */
  flowLevel?: number;
  schema?: SchemaType;
  sortKeys?: boolean | ((a: string, b: string) => number);
  /** Longest line before text is folded; 80 if not given. */
  lineWidth?: number;
  /** Whether a repeated object becomes an alias of its first place; true if not given. */
  useAnchors?: boolean;
  /** Whether strings such as "yes" are quoted for YAML 1.1 readers; true if not given. */
  compatMode?: boolean;
  /** Leaves out the spaces inside brackets of flow collections. */
  condenseFlow?: boolean;
  quoteStyle?: "'" | '"';
}

/**
 * The value of one YAML document; null for an empty one.
 *
 * @throws SyntaxError that names line and column
 */
export function parse(content: string, options: ParseOptions = {}): unknown {
  const documents = readDocuments(content, options);
  if (documents.length > 1) {
    throw new SyntaxError("Found more than 1 document in the stream: expected a single document");
  }
  return documents.length === 0 ? null : valueOf(documents[0]!);
}

/**
 * The values of all YAML documents of a stream.
 *
 * @throws SyntaxError that names line and column
 */
export function parseAll(content: string, options: ParseOptions = {}): unknown[] {
  return readDocuments(content, options).map(valueOf);
}

/**
 * A value as a YAML document.
 *
 * @throws TypeError for functions, symbols and undefined, unless `skipInvalid`
 */
export function stringify(data: unknown, options: StringifyOptions = {}): string {
  if (!options.skipInvalid) refuseInvalid(data, new Set());
  const { sortKeys = false, flowLevel = -1 } = options;
  const document = new Document(data, (_key, value) => isInvalid(value) ? undefined : value, {
    ...schemaOptions(options.schema),
    compat: options.compatMode ?? true ? "yaml-1.1" : null,
    aliasDuplicateObjects: options.useAnchors ?? true,
    sortMapEntries: typeof sortKeys === "function" ? (a, b) => sortKeys(keyOf(a), keyOf(b)) : sortKeys,
  });
  if (flowLevel >= 0) {
    visit(document, {
      Collection: (_key, node, path) => {
        node.flow = path.filter(isCollection).length >= flowLevel;
      },
    });
  }
  return document.toString({
    indent: options.indent ?? 2,
    indentSeq: options.arrayIndent ?? true,
    lineWidth: options.lineWidth ?? 80,
    flowCollectionPadding: !options.condenseFlow,
    singleQuote: options.quoteStyle !== '"',
  });
}

function schemaOptions(schema: SchemaType = "default"): { schema: string; customTags?: Tags } {
  if (schema !== "default") return { schema };
  return { schema: "core", customTags: ["timestamp", "merge", "binary", "omap", "pairs", "set"] };
}

function readDocuments(content: string, { schema, allowDuplicateKeys, onWarning }: ParseOptions): Document[] {
  const lineCounter = new LineCounter();
  const fail = (message: string, offset: number) => {
    const { line, col } = lineCounter.linePos(offset);
    throw new SyntaxError(`${message.trim().slice(0, 200)} at line ${line}, column ${col}`);
  };
  // Keys are compared below: the library compares each with all others. Its pretty errors quote the text.
  const read = withinStack(() =>
    parseAllDocuments(content, {
      ...schemaOptions(schema),
      uniqueKeys: false,
      logLevel: "error",
      prettyErrors: false,
      lineCounter,
    })
  );
  const documents = Array.isArray(read) ? read : [];
  for (const { errors, warnings } of documents) {
    const fault = errors[0] ?? warnings.find((w) => w.code === "TAG_RESOLVE_FAILED");
    if (fault) fail(fault.message.replace(/^Maximum call stack.*/, "It is nested too deeply"), fault.pos[0]);
    for (const warning of warnings) onWarning?.(warning);
  }
  if (!allowDuplicateKeys) {
    for (const document of documents) {
      withinStack(() => visit(document, { Map: (_key, map) => refuseRepeated(map, fail) }));
    }
  }
  return documents;
}

/** The library goes down into what is nested by calls of itself. */
function withinStack<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new SyntaxError("It is nested too deeply", { cause: error });
  }
}

function refuseRepeated(map: YAMLMap, fail: (message: string, offset: number) => void): void {
  const seen = new Set<unknown>();
  for (const { key } of map.items) {
    if (!isScalar(key)) continue;
    if (seen.has(key.value)) fail("Map keys must be unique", key.range![0]);
    seen.add(key.value);
  }
}

/** Aliases of a document, and values that it may hold once they are followed: a few lines can stand for billions. */
const MOST_ALIASES = 1000, MOST_VALUES = 1_000_000;

function checkAliases(document: Document): void {
  const sizes = new Map<string, number>();
  let aliases = 0;
  const sizeOf = (node: unknown): number => {
    if (isAlias(node)) {
      if (++aliases > MOST_ALIASES) throw new SyntaxError(`There are more than ${MOST_ALIASES} aliases`);
      return sizes.get(node.source) ?? 1;
    }
    if (isPair(node)) return sizeOf(node.key) + sizeOf(node.value);
    const size = isCollection(node) ? node.items.reduce((sum: number, item) => sum + sizeOf(item), 1) : 1;
    if ((isCollection(node) || isScalar(node)) && node.anchor) sizes.set(node.anchor, size);
    return size;
  };
  const size = sizeOf(document.contents);
  if (aliases > 0 && size > MOST_VALUES) {
    throw new SyntaxError(`With its aliases followed, it holds more than ${MOST_VALUES} values`);
  }
}

function valueOf(document: Document): unknown {
  checkAliases(document);
  try {
    return document.toJS({ maxAliasCount: -1 });
  } catch (error) {
    // Aliases are resolved only here: unknown ones, and mappings merged with themselves.
    const endless = error instanceof RangeError;
    throw new SyntaxError(
      endless ? "It is nested too deeply, or merged with itself" : (error as Error).message.slice(0, 200),
      { cause: error },
    );
  }
}

function keyOf({ key }: Pair): string {
  return String(key);
}

function isInvalid(value: unknown): boolean {
  return value === undefined || typeof value === "function" || typeof value === "symbol";
}

function refuseInvalid(value: unknown, seen: Set<unknown>): void {
  if (isInvalid(value)) throw new TypeError(`Cannot stringify ${typeof value}`);
  if (typeof value !== "object" || value === null || seen.has(value)) return;
  seen.add(value);
  for (const item of Object.values(value)) refuseInvalid(item, seen);
}
