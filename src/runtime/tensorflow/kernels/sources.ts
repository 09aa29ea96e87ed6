const FILES = [
  "activations.c",
  "adamw.c",
  "attention.c",
  "cast.c",
  "cast.h",
  "channel_sum.c",
  "combine.c",
  "finite.c",
  "group_norm.c",
  "layer_norm.c",
  "library.c",
  "norm.c",
  "norm.h",
  "op.c",
  "op.h",
  "pool.c",
  "pool.h",
  "read.c",
  "rows.h",
  "unmap.c",
  "vector.h",
] as const;

/** Text of the kernels' C sources by file name; they lie beside this file, also where the module came by the network. */
export async function kernelSources(): Promise<Record<string, string>> {
  const read = async (name: string) => {
    const url = new URL(name, import.meta.url);
    return url.protocol === "file:" ? await Deno.readTextFile(url) : await (await fetch(url)).text();
  };
  return Object.fromEntries(await Promise.all(FILES.map(async (name) => [name, await read(name)])));
}
