/** Runs `f` with environment variables set, or unset where the value is undefined; puts them back afterwards. */
export async function withEnvironment(
  values: Record<string, string | undefined>,
  f: () => void | Promise<void>,
): Promise<void> {
  const set = (name: string, value: string | undefined) =>
    value === undefined ? Deno.env.delete(name) : Deno.env.set(name, value);
  const before = Object.keys(values).map((name) => [name, Deno.env.get(name)] as const);
  try {
    for (const [name, value] of Object.entries(values)) set(name, value);
    await f();
  } finally {
    for (const [name, value] of before) set(name, value);
  }
}
