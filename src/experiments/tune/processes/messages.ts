/** What the process of a tuning reports to the one that started it: one JSON record a line on standard output. */
export type Message =
  | { kind: "start"; total: number; start: number }
  | { kind: "progress"; done: number; note: string }
  /** The last one; `weights` as `tuneOrResume` returns them. */
  | { kind: "end"; weights: string | null; seconds: number }
  /** The last one; `user` when it is a mistake of the user's. */
  | { kind: "error"; message: string; user: boolean };
