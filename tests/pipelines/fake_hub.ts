import { createHash } from "node:crypto";
import { relative } from "node:path";
import { fixture } from "../support.ts";
import { filesIn } from "./copies.ts";

/** A server with the Hub's endpoints that a download uses. */
export interface FakeHub extends AsyncDisposable {
  url: string;
  /** Files that were asked for, in order. */
  downloads: string[];
  /** Answers every request with this status from now on. */
  fail(status: number): void;
  /** Sends files without their last byte from now on. */
  cutShort(): void;
  /** Lists this for a file in place of what is so. */
  lie(path: string, listed: { path?: string; oid?: string; size?: number }): void;
  /** Sends this commit for every revision. */
  commit: string;
  /** Sends other content of the same length for a file from now on. */
  spoil(path: string): void;
}

export const COMMIT = "0123456789abcdef0123456789abcdef01234567";

/** Serves a recorded pipeline as the repository `tiny/pipeline`, with some files more or, where they are null, less. */
export async function fakeHub(
  pipeline: string,
  more: Record<string, string | Uint8Array<ArrayBuffer> | null> = {},
): Promise<FakeHub> {
  const files = new Map<string, Uint8Array<ArrayBuffer>>();
  for (const path of await filesIn(fixture(pipeline))) {
    files.set(relative(fixture(pipeline), path).replaceAll("\\", "/"), await Deno.readFile(path));
  }
  for (const [path, content] of Object.entries(more)) {
    if (content === null) files.delete(path);
    else files.set(path, typeof content === "string" ? new TextEncoder().encode(content) : content);
  }
  const downloads: string[] = [];
  const lies = new Map<string, { path?: string; oid?: string; size?: number }>();
  const spoiled = new Set<string>();
  let status = 200, missing = 0;
  const info = (path: string) => {
    const content = files.get(path)!, size = content.length, lie = lies.get(path);
    const oid = createHash("sha1").update(`blob ${size}\0`).update(content).digest("hex");
    const file = { type: "file", path, size, oid, ...lie };
    if (!path.endsWith(".safetensors")) return file;
    const sha256 = lie?.oid ?? createHash("sha256").update(content).digest("hex");
    return { ...file, lfs: { oid: sha256, size, pointerSize: 134 } };
  };
  const server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen: () => {} }, (request) => {
    const { pathname } = new URL(request.url);
    if (status !== 200) return Response.json({ error: "refused" }, { status });
    if (pathname.startsWith("/api/models/tiny/pipeline/revision/")) {
      return Response.json({ _id: "1", id: "tiny/pipeline", sha: hub.commit });
    }
    if (pathname === `/api/models/tiny/pipeline/tree/${COMMIT}`) {
      return Response.json([...files.keys()].map(info));
    }
    const path = decodeURIComponent(pathname.replace(`/tiny/pipeline/resolve/${COMMIT}/`, ""));
    const listed = [...lies].find(([, lie]) => lie.path === path)?.[0] ?? path, right = files.get(listed);
    const content = right && spoiled.has(listed) ? right.map((byte) => byte ^ 1) : right;
    if (!content) return Response.json({ error: "not found" }, { status: 404 });
    const [, from, to] = request.headers.get("range")?.match(/bytes=(\d+)-(\d*)/) ?? [];
    const headers = { etag: `"oid"`, "content-type": "application/octet-stream" };
    if (from === undefined) {
      downloads.push(path);
      return new Response(content.slice(0, content.length - missing), { headers });
    }
    if (from !== "0" || to !== "0") downloads.push(path);
    const end = to ? Number(to) + 1 : content.length;
    const range = `bytes ${from}-${end - 1}/${content.length}`;
    return new Response(content.slice(Number(from), end), {
      status: 206,
      headers: { ...headers, "content-range": range },
    });
  });
  const hub: FakeHub = {
    url: `http://127.0.0.1:${server.addr.port}`,
    downloads,
    fail: (code) => void (status = code),
    cutShort: () => void (missing = 1),
    lie: (path, listed) => void lies.set(path, listed),
    commit: COMMIT,
    spoil: (path) => void spoiled.add(path),
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
  return hub;
}

/** Runs `f` with environment variables set, or not set where they are undefined. */
export async function withEnvironment(
  variables: Record<string, string | undefined>,
  f: () => Promise<void>,
): Promise<void> {
  const before = Object.keys(variables).map((name) => [name, Deno.env.get(name)] as const);
  const set = (name: string, value?: string) =>
    value === undefined ? Deno.env.delete(name) : Deno.env.set(name, value);
  try {
    for (const [name, value] of Object.entries(variables)) set(name, value);
    await f();
  } finally {
    for (const [name, value] of before) set(name, value);
  }
}
