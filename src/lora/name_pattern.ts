import { UserError } from "../runtime/errors.ts";
import { cut } from "../runtime/wording.ts";
import { type Expression, parseExpression } from "./pattern_syntax.ts";

/** Whether a module's name, or its end after a dot, is what a pattern says. */
export type NamePattern = (name: string) => boolean;

/** How much of a file is taken: the time that a name takes grows with each of these. */
const MOST_PATTERNS = 10_000, MOST_EXPRESSION_CHARACTERS = 2_000;

/**
 * Compiles patterns as peft compares names with them: `re.match("(.*\.)?(PATTERN)$", name)`. They come from files of other
 * people, so each takes a time that grows with the lengths of name and pattern only, never with the ways to match them.
 *
 * @param where names the patterns in errors
 * @throws UserError for one that is no regular expression, that uses what is not supported, or for more than is taken
 */
export function namePatterns(patterns: readonly string[], where: string): NamePattern[] {
  const expressions = patterns.filter((pattern) => !PLAIN.test(pattern));
  const characters = expressions.reduce((sum, { length }) => sum + length, 0);
  if (patterns.length > MOST_PATTERNS || characters > MOST_EXPRESSION_CHARACTERS) {
    throw new UserError(
      `${where} has ${patterns.length} patterns, ${characters} characters of them in regular expressions; at most ` +
        `${MOST_PATTERNS} and ${MOST_EXPRESSION_CHARACTERS} are read: name the layers instead`,
    );
  }
  return patterns.map((pattern) => {
    if (PLAIN.test(pattern)) return plainPattern(pattern);
    try {
      return expressionPattern(parseExpression(pattern));
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
      throw new UserError(`${where} has the pattern ${cut(pattern)}, ${error.message}`, { cause: error });
    }
  });
}

/** A name or the end of one, the whole name after `^`; a dot is any character, as everywhere in peft's patterns. */
const PLAIN = /^\^?[\w.-]+$/;

function plainPattern(pattern: string): NamePattern {
  const whole = pattern.startsWith("^"), text = whole ? pattern.slice(1) : pattern;
  return (name) => {
    const start = name.length - text.length;
    if (start < 0 || start > 0 && (whole || name[start - 1] !== ".")) return false;
    for (let i = 0; i < text.length; i++) {
      if (text[i] !== "." && text[i] !== name[start + i]) return false;
    }
    return true;
  };
}

/** A state of the automaton: a character that leads to another, or those that it stands for. */
type State =
  | { fits: (character: string) => boolean; next: number }
  | { edge: "start" | "end"; next: number }
  | { next: number[] };

/** Thompson's automaton (1968): all states that a name's beginning can lead to are followed at once. */
function expressionPattern(expression: Expression): NamePattern {
  const states: State[] = [{ next: [] }], END = 0, add = (state: State) => states.push(state) - 1;
  const first = compile(expression, END);
  return (name) => {
    const met = new Int32Array(states.length).fill(-1);
    let current: number[] = [];
    for (let at = 0;; at++) {
      const reached: number[] = [], open = current;
      if (at === 0 || name[at - 1] === ".") open.push(first);
      while (open.length > 0) {
        const index = open.pop()!, state = states[index]!;
        if (met[index] === at) continue;
        met[index] = at;
        if ("fits" in state) reached.push(index);
        else if (!("edge" in state)) open.push(...state.next);
        else if (at === (state.edge === "start" ? 0 : name.length)) open.push(state.next);
      }
      if (at === name.length) return met[END] === at;
      current = reached.flatMap((index) => {
        const state = states[index]!;
        return "fits" in state && state.fits(name[at]!) ? [state.next] : [];
      });
    }
  };

  /** @returns the state from which the expression leads to the state `next` */
  function compile(part: Expression, next: number): number {
    if ("fits" in part || "edge" in part) return add({ ...part, next });
    if ("sequence" in part) return part.sequence.reduceRight((after, one) => compile(one, after), next);
    if ("choice" in part) return add({ next: part.choice.map((one) => compile(one, next)) });
    const { repeat, once, many } = part, fork: State = { next: [next] }, loop = add(fork);
    const body = compile(repeat, many ? loop : next);
    fork.next.push(body);
    return once ? body : loop;
  }
}
