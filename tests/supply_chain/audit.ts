/**
 * `deno task audit [--sbom FILE]`: licences and known vulnerabilities of all that this project is built on, and its bill of
 * materials. Licences of new packages are asked of npm's registry and kept in `licences.json`.
 * @module
 */
import { parseArgs } from "node:util";
import { askAdvisories } from "./advisories.ts";
import { componentsOf, readLock } from "./components.ts";
import { askLicence, licenceFaults, licenceKey, readLicences, writeLicences } from "./licences.ts";
import { sbomOf } from "./sbom.ts";

const { values: { sbom } } = parseArgs({ args: Deno.args, options: { sbom: { type: "string" } } });
const lock = await readLock(), components = componentsOf(lock), licences = await readLicences();

for (const component of components.filter((one) => licences[licenceKey(one)] === undefined)) {
  try {
    licences[licenceKey(component)] = await askLicence(component);
  } catch (error) {
    console.error(`${component.id}: ${(error as Error).message}`);
  }
}
await writeLicences(components, licences);
if (sbom !== undefined) {
  await Deno.writeTextFile(sbom, JSON.stringify(sbomOf(lock, licences), null, 2) + "\n");
}

const faults = licenceFaults(components, licences), { found, silent } = await askAdvisories(components);
for (const line of [...faults, ...found.map((one) => `known vulnerability: ${one}`), ...silent]) {
  console.error(line);
}
console.log(
  `${components.length} components: ${faults.length} with a licence that is not allowed or not known, ` +
    (silent.length > 0 && found.length === 0
      ? "known vulnerabilities not told by all sources"
      : `${found.length} known vulnerabilities`),
);
Deno.exit(faults.length + found.length > 0 ? 1 : 0);
