import { NotFiniteError, UserError } from "../../../runtime/errors.ts";
import { Divergence } from "../../../training/health.ts";

/** Why a process gave up, its last message; `of`: what class of error, see `errors.ts`. */
export interface Failure {
  kind: "error";
  message: string;
  of: keyof typeof ERRORS;
}

/** What the process of a tuning reports to the one that started it: one JSON record a line on standard output. */
export type Message =
  | { kind: "start"; total: number; start: number }
  | { kind: "progress"; done: number; note: string }
  /** The last one; `weights` as `tuneOrResume` returns them. */
  | { kind: "end"; weights: string | null; seconds: number }
  | Failure;

const ERRORS = { UserError, NotFiniteError, Error };

/** An error as the other process is told of it. */
export function failureOf(error: unknown): Failure {
  const { message, stack } = error as Error;
  if (error instanceof Divergence) return { kind: "error", message: error.summary, of: "NotFiniteError" };
  if (error instanceof NotFiniteError) return { kind: "error", message, of: "NotFiniteError" };
  if (error instanceof UserError) return { kind: "error", message, of: "UserError" };
  return { kind: "error", message: stack ?? message, of: "Error" };
}

/** The error that the other process told of. */
export const errorOf = ({ of, message }: Failure): Error => new ERRORS[of](message);
