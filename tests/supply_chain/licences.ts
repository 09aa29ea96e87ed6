import type { Component } from "./components.ts";

/**
 * Licences that what this project uses may have, by their SPDX names. None of it is in this repository or in the published package:
 * Deno and pip fetch it. Of the LGPL are libvips and what it is built of, libraries that `sharp` loads and that can be exchanged;
 * NVIDIA's are fetched by `deno task setup` where there is a card, under NVIDIA's own terms.
 */
export const ALLOWED: ReadonlySet<string> = new Set([
  "0BSD",
  "Apache-2.0",
  "BSD-2-Clause",
  "BSD-3-Clause",
  "ISC",
  "LGPL-3.0-or-later",
  "LicenseRef-NVIDIA-Proprietary",
  "MIT",
]);

/** SPDX expressions by package URL without the file: of each version, what its registry says. */
export type Licences = Record<string, string>;

const TABLE = new URL("./licences.json", import.meta.url);

export const licenceKey = ({ id }: Component) => id.split("?")[0]!;

export async function readLicences(): Promise<Licences> {
  return JSON.parse(await Deno.readTextFile(TABLE));
}

/** Writes the table of the components' licences, each on a line. */
export async function writeLicences(components: readonly Component[], licences: Licences): Promise<void> {
  const known = [...new Set(components.map(licenceKey))].filter((key) => licences[key] !== undefined);
  const table = Object.fromEntries(known.sort().map((key) => [key, licences[key]]));
  await Deno.writeTextFile(TABLE, JSON.stringify(table, null, 2) + "\n");
}

/** What npm's registry says is the licence of a package. @throws for one that names none, or that cannot be asked for */
export async function askLicence({ name, version, registry }: Component): Promise<string> {
  if (registry !== "npm") {
    throw new Error("its licence is to be written into tests/supply_chain/licences.json by hand");
  }
  const response = await fetch(`https://registry.npmjs.org/${name.replace("/", "%2f")}/${version}`);
  const { license } = response.ok ? await response.json() : await response.body?.cancel() ?? {};
  if (typeof license === "string") return license;
  throw new Error(response.ok ? "it names no licence" : `the registry answers ${response.status}`);
}

/** Whether an SPDX expression can be fulfilled by allowed licences alone. */
export function isAllowed(expression: string, allowed: ReadonlySet<string> = ALLOWED): boolean {
  const words = expression.match(/[()]|[^\s()]+/g) ?? [];
  let at = 0;
  const one = (): boolean => {
    const word = words[at++];
    if (word !== "(") return word !== undefined && allowed.has(word);
    const inside = either();
    return words[at++] === ")" && inside;
  };
  const both = (): boolean => {
    let result = one();
    while (words[at] === "AND") at++, result = one() && result;
    return result;
  };
  const either = (): boolean => {
    let result = both();
    while (words[at] === "OR") at++, result = both() || result;
    return result;
  };
  return either() && at === words.length;
}

/** A line for each component whose licence is not known or not allowed. */
export function licenceFaults(components: readonly Component[], licences: Licences): string[] {
  return components.flatMap((component) => {
    const { id } = component, licence = licences[licenceKey(component)];
    if (licence === undefined) return [`${id}: its licence is not known`];
    return isAllowed(licence) ? [] : [`${id}: its licence ${licence} is not among those allowed`];
  });
}
