import { UserError } from "../runtime/errors.ts";
import { cut } from "../runtime/wording.ts";
import { isRecord } from "../weights/config.ts";

/**
 * Refuses regular expressions of a `tokenizer.json` that could take endless time on a short text: it comes from other people.
 * Those of CLIP's and T5's tokenizers repeat no groups, and have two repetitions without an end at most in an alternative.
 *
 * @param parts what of the file has expressions; the vocabulary has none
 * @param where names the file in errors
 * @throws UserError
 */
export function checkExpressions(parts: unknown, where: string): void {
  if (Array.isArray(parts)) parts.forEach((part) => checkExpressions(part, where));
  if (!isRecord(parts)) return;
  const { Regex: expression, ...others } = parts;
  if (typeof expression === "string" && !isQuick(expression)) {
    throw new UserError(
      `${where}: the regular expression ${
        cut(expression)
      } is not supported: it repeats groups, or more than two things, or leaves more than ${MOST_CHOICES} choices`,
    );
  }
  checkExpressions(Object.values(others), where);
}

/** Most places with a choice, each of which can double the ways to match: of Llama 3's there are 9. */
const MOST_CHOICES = 10;

/** Whether the time to search grows with a small power of the text's length. */
function isQuick(expression: string): boolean {
  const bare = expression.replaceAll(/\\[bBAzZG]/g, "$").replaceAll(/\\[pP]\{[^}]*\}|\\./g, "x").replaceAll(
    /\[[^\]]*\]/g,
    "x",
  );
  const repeatsGroup = /\)[*+{]/.test(bare), repeatsInGroup = /\((?!\?[!=<])[^()]*[*+{][^()]*\)/.test(bare);
  const repetitions = bare.split("|").map((alternative) => alternative.match(/[*+{]/g)?.length ?? 0);
  const choices = choicesOf(bare);
  return !repeatsGroup && !repeatsInGroup && Math.max(...repetitions) <= 2 && choices <= MOST_CHOICES;
}

/**
 * What may be there or not, the further alternatives of groups, and the bounds of texts, lines and words: the library looks for
 * these by alternatives of no length, and V8 takes twice as long to compile an expression for each.
 */
function choicesOf(bare: string): number {
  let depth = 0, choices = 0;
  for (const [i, sign] of Array.from(bare).entries()) {
    if (sign === "(") depth++;
    else if (sign === ")") depth--;
    else if (sign === "$" || sign === "^") choices++;
    else if (sign === "|" && depth > 0 || sign === "?" && !/[(*+?}]/.test(bare[i - 1] ?? "(")) choices++;
  }
  return choices;
}
