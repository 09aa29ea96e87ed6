import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { askAdvisories } from "./advisories.ts";
import { componentsOf, directNeeds, readLock } from "./components.ts";
import { isAllowed, licenceFaults, licenceKey, readLicences } from "./licences.ts";
import { sbomOf } from "./sbom.ts";

const lock = await readLock(), components = componentsOf(lock), licences = await readLicences();

Deno.test("the licence of everything that the lock and the set-up fix is known and allowed", () => {
  assert.deepEqual(licenceFaults(components, licences), []);
  assert.deepEqual(Object.keys(licences).sort(), [...new Set(components.map(licenceKey))].sort());
});

Deno.test("a licence that is not allowed or not known is a fault", () => {
  const [first, second] = components as [typeof components[0], typeof components[0]];
  assert.deepEqual(licenceFaults([first, second], { [licenceKey(first)]: "AGPL-3.0-only" }), [
    `${first.id}: its licence AGPL-3.0-only is not among those allowed`,
    `${second.id}: its licence is not known`,
  ]);
});

Deno.test("an SPDX expression is allowed if allowed licences fulfil it", () => {
  const allowed = new Set(["A", "B"]), check = (expression: string) => isAllowed(expression, allowed);
  for (const good of ["A", "A AND B", "A OR X", "X OR (A AND B)", "(A)", "(X OR A) AND B"]) {
    assert.ok(check(good), good);
  }
  for (const bad of ["", "X", "A AND X", "A OR", "(A", "A B", "A WITH B", "A OR X AND", "X OR A AND X"]) {
    assert.ok(!check(bad), bad);
  }
});

Deno.test("the bill of materials has what CycloneDX 1.5 requires, of each package of the lock and each wheel", () => {
  const bill = sbomOf(lock, licences), { component: root } = bill.metadata;
  assert.deepEqual([bill.bomFormat, bill.specVersion], ["CycloneDX", "1.5"]);
  assert.match(bill.serialNumber, /^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/);
  assert.ok(Number.isInteger(bill.version) && bill.version >= 1);
  const lengths: Record<string, number> = { "SHA-256": 64, "SHA-512": 128 };
  for (const component of [root, ...bill.components]) {
    assert.ok(["application", "library"].includes(component.type) && component.name && component.version);
    assert.ok([undefined, "required", "optional"].includes(component.scope));
    assert.equal(component.licenses?.length, 1, component.name); // an expression stands alone
    for (const { alg, content } of component.hashes ?? []) {
      assert.match(content, /^[0-9a-f]+$/);
      assert.equal(content.length, lengths[alg], component.name);
    }
    if (component !== root) {
      assert.match(component.purl!, /^pkg:(npm|pypi)\/(%40[\w.-]+\/)?[\w.-]+@[\w.-]+(\?file_name=[\w.-]+)?$/);
    }
  }
  const refs = [root, ...bill.components].map((component) => component["bom-ref"]), known = new Set(refs);
  assert.equal(known.size, refs.length);
  assert.deepEqual(bill.dependencies.map(({ ref }) => ref), refs);
  for (const { dependsOn } of bill.dependencies) {
    assert.equal(new Set(dependsOn).size, dependsOn.length);
    for (const ref of dependsOn) assert.ok(known.has(ref), ref);
  }
  assert.deepEqual(Object.keys(bill).sort(), [
    "$schema",
    "bomFormat",
    "components",
    "dependencies",
    "metadata",
    "serialNumber",
    "specVersion",
    "version",
  ]);
  const npm = bill.components.filter(({ purl }) => purl!.startsWith("pkg:npm/"));
  assert.equal(npm.length, Object.keys(lock.npm).length);
  const reached = new Set<string>(),
    needs = new Map(bill.dependencies.map(({ ref, dependsOn }) => [ref, dependsOn]));
  const walk = (ref: string) => void (reached.has(ref) || (reached.add(ref), needs.get(ref)!.forEach(walk)));
  walk(root["bom-ref"]);
  assert.deepEqual(refs.filter((ref) => !reached.has(ref)), []); // nothing hangs in the air
});

Deno.test("the same lock gives the same bill, another lock another", () => {
  const bill = sbomOf(lock, licences);
  assert.deepEqual(sbomOf(structuredClone(lock), licences), bill);
  const other = structuredClone(lock), [key] = Object.keys(other.npm);
  other.npm[key!]!.integrity = "sha512-" + "A".repeat(86) + "==";
  assert.notEqual(sbomOf(other, licences).serialNumber, bill.serialNumber);
});

Deno.test("a lock that lacks what it names is refused", () => {
  const other = structuredClone(lock);
  delete other.specifiers[lock.workspace.dependencies.find((one) => one.startsWith("npm:"))!];
  assert.throws(() => directNeeds(other), /deno\.lock has no npm:/);
});

/** Calls `f` while requests are answered by `answer`. */
async function withFetch<T>(
  answer: (url: string, body: string) => Response,
  f: () => Promise<T>,
): Promise<T> {
  const before = globalThis.fetch;
  globalThis.fetch = (url, request) => Promise.resolve(answer(String(url), String(request?.body ?? "")));
  try {
    return await f();
  } finally {
    globalThis.fetch = before;
  }
}

Deno.test("known vulnerabilities are asked of both registries, for every package, and told", async () => {
  const asked = new Set<string>();
  const { found, silent } = await withFetch((url, body) => {
    if (url.startsWith("https://pypi.org/")) {
      asked.add(url.split("/")[4]!);
      const vulnerabilities = url.includes("/tensorflow/")
        ? [{ id: "PYSEC-1", summary: null, link: "l" }]
        : [];
      return Response.json({ vulnerabilities });
    }
    for (const name of Object.keys(JSON.parse(body))) asked.add(name);
    return Response.json({ sharp: [{ severity: "high", title: "t", url: "u", vulnerable_versions: "<9" }] });
  }, () => askAdvisories(components));
  assert.deepEqual(asked, new Set(components.map(({ name }) => name)));
  assert.deepEqual(silent, []);
  assert.match(
    found.join("\n"),
    /^sharp [\d.]+ \(high, versions <9\): t u\ntensorflow [\d.]+: PYSEC-1 {2}l$/,
  );
});

Deno.test("a source that gives no answer is named, and is no finding", async () => {
  const { found, silent } = await withFetch(
    () => new Response(null, { status: 405 }),
    () => askAdvisories(components),
  );
  assert.deepEqual(found, []);
  assert.match(
    silent.join("\n"),
    /^npm's registry gave no advisories: .* 405\nthe Python package index gave .* 405$/,
  );
});

Deno.test("the lock is enforced: a package that it does not fix is not loaded", async () => {
  const folder = await Deno.makeTempDir(), root = fileURLToPath(new URL("../../", import.meta.url));
  try {
    const { imports, lock: setting } = JSON.parse(await Deno.readTextFile(`${root}/deno.json`));
    const other = structuredClone(lock), specifier = imports.commander as string;
    const run = async () => {
      await Deno.writeTextFile(
        `${folder}/deno.json`,
        JSON.stringify({ imports: { commander: specifier }, lock: setting }),
      );
      await Deno.writeTextFile(`${folder}/deno.lock`, JSON.stringify(other));
      const { success, stderr } = await new Deno.Command(Deno.execPath(), {
        args: ["run", "a.ts"],
        cwd: folder,
      }).output();
      return { success, words: new TextDecoder().decode(stderr) };
    };
    await Deno.writeTextFile(`${folder}/a.ts`, 'import "commander";');
    other.workspace = { dependencies: [specifier] };
    other.specifiers = { [specifier]: lock.specifiers[specifier]! };
    other.npm = Object.fromEntries(Object.entries(lock.npm).filter(([key]) => key.startsWith("commander@")));
    const kept = await run();
    assert.ok(kept.success, kept.words);
    other.npm = {};
    other.specifiers = {};
    const changed = await run();
    assert.ok(!changed.success);
    assert.match(changed.words, /lockfile is out of date/);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
