import type { Component } from "./components.ts";

/** What the sources say of known vulnerabilities. */
export interface Advisories {
  /** A line for each. */
  found: string[];
  /** A line for each source that gave no answer. */
  silent: string[];
}

interface NpmAdvisory {
  severity: string;
  title: string;
  url: string;
  vulnerable_versions: string;
}

/** Asks npm's registry and the Python package index for the known vulnerabilities of these versions. */
export async function askAdvisories(components: readonly Component[]): Promise<Advisories> {
  const of = (registry: Component["registry"]) =>
    components.filter((component) => component.registry === registry);
  const answers = await Promise.all([
    answer("npm's registry", () => npmAdvisories(of("npm"))),
    answer("the Python package index", () => pypiAdvisories(of("pypi"))),
  ]);
  return {
    found: answers.flatMap(({ found }) => found),
    silent: answers.flatMap(({ silent }) => silent),
  };
}

async function answer(source: string, ask: () => Promise<string[]>): Promise<Advisories> {
  try {
    return { found: await ask(), silent: [] };
  } catch (error) {
    return { found: [], silent: [`${source} gave no advisories: ${(error as Error).message}`] };
  }
}

/** The answer of the request that `npm audit` makes, with all names in it. */
async function npmAdvisories(components: readonly Component[]): Promise<string[]> {
  const versions: Record<string, string[]> = {};
  for (const { name, version } of components) (versions[name] ??= []).push(version);
  const found = await json("https://registry.npmjs.org/-/npm/v1/security/advisories/bulk", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(versions),
  }) as Record<string, NpmAdvisory[]>;
  return Object.entries(found).flatMap(([name, advisories]) =>
    advisories.map(({ severity, title, url, vulnerable_versions }) =>
      `${name} ${versions[name]?.join(", ")} (${severity}, versions ${vulnerable_versions}): ${title} ${url}`
    )
  );
}

async function pypiAdvisories(components: readonly Component[]): Promise<string[]> {
  const versions = new Set(components.map(({ name, version }) => `${name}/${version}`));
  const answers = await Promise.all([...versions].map(async (one) => {
    const { vulnerabilities } = await json(`https://pypi.org/pypi/${one}/json`) as {
      vulnerabilities: { id: string; summary: string | null; link: string }[];
    };
    return vulnerabilities.map(({ id, summary, link }) =>
      `${one.replace("/", " ")}: ${id} ${summary ?? ""} ${link}`
    );
  }));
  return answers.flat();
}

async function json(url: string, request?: RequestInit): Promise<unknown> {
  const response = await fetch(url, request);
  if (response.ok) return await response.json();
  await response.body?.cancel();
  throw new Error(`${url} answers ${response.status}`);
}
