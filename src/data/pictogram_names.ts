/**
 * English for the labels of pictograms: noun phrases, articles, skin tones.
 * @module
 */

const TONES = ["light", "medium-light", "medium", "medium-dark", "dark"];

/**
 * A phrase with skin tones: "a nose with medium skin tone", "a handshake with light and dark skin tones", "a woman with veil
 * and dark skin tone facing right". Without tones it stays as it is.
 */
export function withTones(phrase: string, tones: readonly number[] | null): string {
  if (!tones) return phrase;
  const names = tones.map((tone) => TONES[tone - 1]!),
    [, what, direction] = /^(.*?)( facing right)?$/.exec(phrase)!;
  const joint = /\bwith\b/.test(what!) ? "and" : "with", noun = names.length > 1 ? "tones" : "tone";
  return `${what} ${joint} ${names.join(" and ")} skin ${noun}${direction ?? ""}`;
}

/** Quotation marks and apostrophes as they are typed. */
export function plainText(text: string): string {
  return text.replace(/[‘’]/g, "'").replace(/[“”]/g, '"');
}

/** A concept's label without colons: "man: red hair" is "man with red hair". */
export function nounPhrase(concept: string): string {
  const label = plainText(concept), [head, rest] = label.split(": ") as [string, string | undefined];
  if (rest === undefined) return label;
  if (head === "family") return `family of ${counted(rest.split(", "))}`;
  if (head === "kiss") return `kiss between ${counted(rest.split(", "))}`;
  if (head === "couple with heart") return `couple of ${counted(rest.split(", "))} with heart`;
  if (rest === "bald") return `bald ${head}`;
  if (rest === "beard") return `${head} with a beard`;
  if (rest.endsWith(" hair")) return `${head} with ${rest}`;
  return `${head} ${rest}`;
}

/** "a man, two boys and a girl": people of one kind stand together. */
function counted(people: readonly string[]): string {
  const kinds = [...new Set(people)].map((kind) => {
    const count = people.filter((other) => other === kind).length;
    return count === 1 ? `${indefinite(kind)} ${kind}` : `two ${PLURALS[kind]}`;
  });
  return kinds.length === 1 ? kinds[0]! : `${kinds.slice(0, -1).join(", ")} and ${kinds.at(-1)}`;
}

const PLURALS: Readonly<Record<string, string>> = {
  man: "men",
  woman: "women",
  boy: "boys",
  girl: "girls",
  adult: "adults",
  child: "children",
};

/** Last words of what is not counted. */
const MASS = new Set(
  ("bacon badminton bowling bread broccoli butter candy construction cooking coral cream custard dango dna fire fog food " +
    "garlic hockey ice lacrosse liquid luggage mate meat money oden polish pong popcorn racing rail rice sake salt soap spaghetti " +
    "sushi tea tennis thread voltage wood yarn").split(" "),
);

/** Whole phrases without an article. */
const BARE = new Set([
  "breast-feeding",
  "camping",
  "dashing away",
  "dizzy",
  "foggy",
  "locked",
  "locked with key",
  "locked with pen",
  "mount fuji",
  "Mrs. Claus",
  "Mx Claus",
  "palms up together",
  "rolling on the floor laughing",
  "Santa Claus",
  "star-struck",
  "Tokyo tower",
  "unlocked",
  "ZZZ",
]);

/** Of which there is one. */
const DEFINITE = new Set(["kaaba", "milky way", "Statue of Liberty"]);

/** Symbols that are counted: their last words. Other symbols are words by themselves, such as "no entry". */
const COUNTED_SYMBOLS = new Set(
  ("arrow asterisk badge box button circle cross dash diamond emblem fleur-de-lis khanda loop mark menorah place sign " +
    "sparkle splatter square star symbol triangle wheel").split(" "),
);

/** A noun phrase with its article, where it takes one. */
export function withArticle(phrase: string, category: string): string {
  if (DEFINITE.has(phrase)) return `the ${phrase}`;
  return isCounted(phrase, category) ? `${indefinite(phrase)} ${phrase}` : phrase;
}

function isCounted(phrase: string, category: string): boolean {
  if (BARE.has(phrase) || /o'clock$|-thirty$/.test(phrase) || /^(people|men|women)\b/.test(phrase)) {
    return false;
  }
  const head = phrase.split(
    / (?:with|without|of|in|on|and|at|for|over|pointed|curving|savoring|holding|showing)\b|,| \(/,
  )[0]!;
  const last = head.split(" ").at(-1)!;
  if (category === "symbols") {
    return COUNTED_SYMBOLS.has(last) || COUNTED_SYMBOLS.has(phrase.split(" ").at(-1)!) ||
      /^keycap\b/.test(phrase);
  }
  if (/^(man|woman|person)\b/.test(phrase) && category === "people-body") return true;
  return !MASS.has(last) && (!last.endsWith("s") || /(ss|us|[^k]is|os)$/.test(last));
}

/** "a" or "an", by how the first word is spoken. */
function indefinite(phrase: string): "a" | "an" {
  if (/^(unicorn|one\b|ewe\b|euro\b)/.test(phrase)) return "a";
  return /^([aeiou]|hour|x-ray|(NG|SOS)\b)/i.test(phrase) ? "an" : "a";
}
