import { createHash } from "node:crypto";
import project from "../../deno.json" with { type: "json" };
import { type Component, componentsOf, directNeeds, type Lock } from "./components.ts";
import { licenceKey, type Licences } from "./licences.ts";

/** A component of CycloneDX. */
export interface SbomComponent {
  type: "library" | "application";
  "bom-ref": string;
  name: string;
  version: string;
  purl?: string;
  scope?: "required" | "optional";
  hashes?: { alg: string; content: string }[];
  licenses?: { expression: string }[];
}

/** A software bill of materials: CycloneDX 1.5. */
export interface Sbom {
  $schema: string;
  bomFormat: "CycloneDX";
  specVersion: "1.5";
  serialNumber: string;
  version: number;
  metadata: { component: SbomComponent };
  components: SbomComponent[];
  dependencies: { ref: string; dependsOn: string[] }[];
}

/** The bill of materials of what a lock fixes; the same lock and licences give the same bill, byte for byte. */
export function sbomOf(lock: Lock, licences: Licences): Sbom {
  const components = componentsOf(lock), root = `pkg:generic/${project.name}@${project.version}`;
  const content = {
    metadata: {
      component: {
        type: "application" as const,
        "bom-ref": root,
        name: project.name,
        version: project.version,
        licenses: [{ expression: project.license }],
      },
    },
    components: components.map((component) => entry(component, licences)),
    dependencies: [
      { ref: root, dependsOn: directNeeds(lock) },
      ...components.map(({ id, needs }) => ({ ref: id, dependsOn: [...new Set(needs)].sort() })),
    ],
  };
  return {
    $schema: "http://cyclonedx.org/schema/bom-1.5.schema.json",
    bomFormat: "CycloneDX",
    specVersion: "1.5",
    serialNumber: `urn:uuid:${uuidOf(JSON.stringify(content))}`,
    version: 1,
    ...content,
  };
}

function entry(component: Component, licences: Licences): SbomComponent {
  const { id, name, version, hash, optional } = component, licence = licences[licenceKey(component)];
  return {
    type: "library",
    "bom-ref": id,
    name,
    version,
    purl: id,
    scope: optional ? "optional" : "required",
    hashes: [{ alg: hash.algorithm, content: hash.hex }],
    ...licence !== undefined && { licenses: [{ expression: licence }] },
  };
}

/** A UUID (version 8) that names a content. */
function uuidOf(text: string): string {
  const hex = createHash("sha256").update(text).digest("hex");
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    `8${hex.slice(13, 16)}`,
    `8${hex.slice(17, 20)}`,
    hex.slice(20, 32),
  ]
    .join("-");
}
