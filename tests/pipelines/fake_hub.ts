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
  let status = 200, missing = 0;
  const info = (path: string) => ({
    type: "file",
    path,
    size: files.get(path)!.length,
    oid: `oid-${path.replaceAll("/", "-")}`,
  });
  const server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen: () => {} }, (request) => {
    const { pathname } = new URL(request.url);
    if (status !== 200) return Response.json({ error: "refused" }, { status });
    if (pathname.startsWith("/api/models/tiny/pipeline/revision/")) {
      return Response.json({ _id: "1", id: "tiny/pipeline", sha: COMMIT });
    }
    if (pathname === `/api/models/tiny/pipeline/tree/${COMMIT}`) {
      return Response.json([...files.keys()].map(info));
    }
    const path = decodeURIComponent(pathname.replace(`/tiny/pipeline/resolve/${COMMIT}/`, ""));
    const content = files.get(path);
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
  return {
    url: `http://127.0.0.1:${server.addr.port}`,
    downloads,
    fail: (code) => void (status = code),
    cutShort: () => void (missing = 1),
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
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
