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
      } is not supported: it repeats groups, or more than two things`,
    );
  }
  checkExpressions(Object.values(others), where);
}

/** Whether the time to search grows with a small power of the text's length. */
function isQuick(expression: string): boolean {
  const bare = expression.replaceAll(/\\[pP]\{[^}]*\}|\\./g, "x").replaceAll(/\[[^\]]*\]/g, "x");
  const repeatsGroup = /\)[*+{]/.test(bare), repeatsInGroup = /\((?!\?[!=<])[^()]*[*+{][^()]*\)/.test(bare);
  const repetitions = bare.split("|").map((alternative) => alternative.match(/[*+{]/g)?.length ?? 0);
  return !repeatsGroup && !repeatsInGroup && Math.max(...repetitions) <= 2;
}
