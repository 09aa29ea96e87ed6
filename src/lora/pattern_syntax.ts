/** What peft's patterns are made of, out of Python's regular expressions. */
export type Expression =
  | { readonly fits: (character: string) => boolean }
  | { readonly edge: "start" | "end" }
  | { readonly sequence: readonly Expression[] }
  | { readonly choice: readonly Expression[] }
  /** At least once, and more than once, or not. */
  | { readonly repeat: Expression; readonly once: boolean; readonly many: boolean };

const CLASSES: Readonly<Record<string, RegExp>> = {
  d: /\d/,
  D: /\D/,
  w: /\w/,
  W: /\W/,
  s: /\s/,
  S: /\S/,
};

/**
 * Reads a regular expression of literals, `.`, `[…]`, `\d \w \s` and their opposites, groups, `|`, `*`, `+`, `?`, `^` and
 * `$`. What else Python has (counts, references, lookarounds, word edges) is refused by its name.
 *
 * @throws SyntaxError that goes on after "the pattern …,"
 */
export function parseExpression(pattern: string): Expression {
  let at = 0;
  const whole = choice();
  if (at < pattern.length) throw broken();
  return whole;

  function choice(): Expression {
    const options = [sequence()];
    while (taken("|")) options.push(sequence());
    return options.length === 1 ? options[0]! : { choice: options };
  }

  function sequence(): Expression {
    const parts: Expression[] = [];
    while (at < pattern.length && pattern[at] !== "|" && pattern[at] !== ")") parts.push(repeated());
    return { sequence: parts };
  }

  function repeated(): Expression {
    const part = atom(), sign = pattern[at];
    if (sign === "{") throw unsupported(pattern.slice(at, pattern.indexOf("}", at) + 1 || undefined));
    if (sign !== "*" && sign !== "+" && sign !== "?") return part;
    at++;
    taken("?"); // lazy: the same names fit
    if (/[*+?{]/.test(pattern[at] ?? "")) throw broken();
    return { repeat: part, once: sign === "+", many: sign !== "?" };
  }

  function atom(): Expression {
    const character = pattern[at++]!;
    if (character === "(") return group();
    if (character === "[") return set();
    if (character === "\\") return { fits: escaped() };
    if (character === ".") return { fits: () => true };
    if (character === "^") return { edge: "start" };
    if (character === "$") return { edge: "end" };
    if (/[*+?{]/.test(character)) throw broken();
    return { fits: (other) => other === character };
  }

  function group(): Expression {
    if (pattern[at] === "?" && !taken("?:")) {
      throw unsupported(pattern.slice(at - 1, at + (pattern[at + 1] === "<" ? 3 : 2)));
    }
    const inner = choice();
    if (!taken(")")) throw broken();
    return inner;
  }

  function set(): Expression {
    const opposite = taken("^"), tests: ((character: string) => boolean)[] = [];
    do {
      if (at >= pattern.length) throw broken();
      const from = pattern[at++]!;
      if (from === "\\") tests.push(escaped());
      else if (pattern[at] === "-" && pattern[at + 1] !== "]") {
        const to = pattern[at + 1] ?? "";
        if (to < from || to === "\\") throw broken();
        at += 2;
        tests.push((character) => from <= character && character <= to);
      } else tests.push((character) => character === from);
    } while (!taken("]"));
    return { fits: (character) => tests.some((fits) => fits(character)) !== opposite };
  }

  function escaped(): (character: string) => boolean {
    const character = pattern[at++];
    if (character === undefined) throw broken();
    const known = Object.hasOwn(CLASSES, character) ? CLASSES[character] : undefined;
    if (known) return (other) => known.test(other);
    if (/\w/.test(character)) throw unsupported(`\\${character}`);
    return (other) => other === character;
  }

  function taken(text: string): boolean {
    const there = pattern.startsWith(text, at);
    if (there) at += text.length;
    return there;
  }
}

const broken = () => new SyntaxError("which is no regular expression");

const unsupported = (what: string) =>
  new SyntaxError(
    `whose ${what} is not supported: write it with names, ".", "[…]", "\\d", "|", groups, "*", "+" and "?"`,
  );
