/**
 * An error the user can mend: wrong input, a missing file, a bad setting. Its message says what was given, what was
 * expected and what to do; the command line prints it without a stack trace.
 */
export class UserError extends Error {
  override name = "UserError";
}

/** Numbers that are NaN or infinite, where only finite ones make sense: weights, pictures, scores, losses. */
export class NotFiniteError extends UserError {
  override name = "NotFiniteError";
}
