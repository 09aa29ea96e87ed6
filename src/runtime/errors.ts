/**
 * An error the user can mend: wrong input, a missing file, a bad setting. Its message says what was given, what was
 * expected and what to do; the command line prints it without a stack trace.
 */
export class UserError extends Error {
  override name = "UserError";

  constructor(message: string, options?: ErrorOptions) {
    super(cutInside(message, LONGEST), options);
  }
}

/** Most characters of a message: what is given may be of any length, what is told of it is not. */
const LONGEST = 4000;

/** A text whose middle is left out where it is too long: what went wrong stands at either end of a message. */
function cutInside(text: string, most: number): string {
  return text.length <= most ? text : `${text.slice(0, most / 2)} … ${text.slice(-most / 2)}`;
}

/** Numbers that are NaN or infinite, where only finite ones make sense: weights, pictures, scores, losses. */
export class NotFiniteError extends UserError {
  override name = "NotFiniteError";
}
