/** Most tokens: forty times those of mT5. Numbers from there on would make tables of gigabytes. */
export const MOST_TOKENS = 10_000_000;

/** Whether a value can be a token's number. */
export function isTokenId(value: unknown): value is number {
  return Number.isInteger(value) && value as number >= 0 && value as number < MOST_TOKENS;
}
