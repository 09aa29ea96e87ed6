import fc from "fast-check";

interface Change {
  /** A share of the text's length. */
  at: number;
  leftOut: number;
  put: string;
  times: number;
}

/** Copies of a text with one to four changes: parts left out, tokens of its language put in, once or very often. */
export function oddText(text: string, tokens: readonly string[], most = 400_000): fc.Arbitrary<string> {
  const change: fc.Arbitrary<Change> = fc.record({
    at: fc.nat(1_000_000),
    leftOut: fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, fc.nat(60), fc.constant(1e9)),
    put: fc.oneof(
      { weight: 4, arbitrary: fc.constantFrom(...tokens) },
      { weight: 1, arbitrary: fc.string({ unit: "binary", maxLength: 20 }) },
      { weight: 1, arbitrary: fc.constantFrom("\ufeff", "\0", "\ud800", "\u2028", "\x85", "é", "__proto__") },
    ),
    times: fc.oneof({ weight: 6, arbitrary: fc.constant(1) }, fc.constantFrom(2, 100, 5000, 100_000)),
  });
  return fc.array(change, { minLength: 1, maxLength: 4 }).map((changes) =>
    changes.reduce((all, { at, leftOut, put, times }) => {
      const start = Math.floor(at / 1_000_000 * all.length),
        room = Math.max(1, Math.floor(most / put.length));
      return all.slice(0, start) + put.repeat(Math.min(times, room)) + all.slice(start + leftOut);
    }, text)
  );
}
