/** What is said at the first signal to stop. */
export const STOPPING = "\nstopping after this step; Ctrl-C again quits at once";

/** `deno task` passes on the Ctrl-C that the terminal has sent to every process: one press comes twice. */
export const SAME_PRESS_MS = 300;
