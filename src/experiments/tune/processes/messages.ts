/** What the process of a tuning reports to the one that started it: one JSON record a line on standard output. */
export type Message =
  | { kind: "start"; total: number; start: number }
  | { kind: "progress"; done: number; note: string }
  /** The last one; `weights` as `tuneOrResume` returns them. */
  | { kind: "end"; weights: string | null; seconds: number }
  /** The last one; `of`: what class of error, see `errors.ts`. */
  | { kind: "error"; message: string; of: "UserError" | "NotFiniteError" | "Error" };
