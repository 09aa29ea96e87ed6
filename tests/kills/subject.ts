/** A command that goes on where it was when it is called again, however it was stopped. */
export interface KilledCommand {
  /** The folder that it writes into, and into nothing else. */
  work: string;
  /** Arguments of Deno for the next call. */
  args(): Promise<string[]> | string[];
}

export interface Subject {
  name: string;
  /** Gives a test the command, with all that it reads beside it. */
  withCommand(test: (command: KilledCommand) => Promise<void>): Promise<void>;
}
