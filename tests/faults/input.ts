import fc from "fast-check";
import { dirname, join } from "node:path";

/** What stands in the place of a file. */
export type Content = string | Uint8Array | Special;

/** A folder, a pipe that nobody writes to, a link to some path, or nothing at all. */
export type Special = { readonly special: "folder" | "pipe" | "missing" } | { readonly linkTo: string };

/** The files that a reader is given, by their paths below a folder. */
export type Input = Readonly<Record<string, Content>>;

/** Writes an input below a folder that is there. */
export function writeInput(folder: string, input: Input): void {
  for (const [name, content] of Object.entries(input)) {
    const path = join(folder, name);
    if (name.includes("/")) Deno.mkdirSync(dirname(path), { recursive: true });
    if (typeof content === "string") Deno.writeTextFileSync(path, content);
    else if (content instanceof Uint8Array) Deno.writeFileSync(path, content);
    else if ("linkTo" in content) Deno.symlinkSync(content.linkTo, path);
    else if (content.special === "folder") Deno.mkdirSync(path);
    else if (content.special === "pipe") makePipe(path);
  }
}

function makePipe(path: string): void {
  if (!new Deno.Command("mkfifo", { args: [path] }).outputSync().success) throw new Error("mkfifo failed");
}

/** In the place of any file: what is no file, what is empty, texts that are next to nothing. */
export const oddFile: fc.Arbitrary<Content> = fc.constantFrom<Content[]>(
  "",
  "\ufeff",
  "\0",
  "null",
  "[]",
  "{}",
  "1",
  '"x"',
  " ".repeat(2e5),
  "\n".repeat(1e5),
  "[".repeat(1e5),
  '{"a":'.repeat(1e5),
  new Uint8Array([0xff, 0xfe, 0x7b, 0, 0x7d, 0]),
  new Uint8Array([0x7b, 0x22, 0xc3, 0x28, 0x22, 0x3a, 0x31, 0x7d]),
  new Uint8Array(1000).fill(0xff),
  { special: "folder" },
  { special: "missing" },
  { linkTo: "nothing" },
  { linkTo: "." },
  { linkTo: "/dev/zero" },
  { linkTo: "/dev/tty" },
);

/** A pipe takes a process to make, so there are fewer of them. */
export const oddFileOrPipe: fc.Arbitrary<Content> = fc.oneof(
  { weight: 30, arbitrary: oddFile },
  { weight: 1, arbitrary: fc.constant<Content>({ special: "pipe" }) },
);

/** Inputs of some files, one of which is odd. */
export function oneOdd(
  files: Input,
  odd: Readonly<Record<string, fc.Arbitrary<Content>>>,
): fc.Arbitrary<Input> {
  return fc.oneof(
    ...Object.entries(odd).map(([name, contents]) =>
      contents.map((content) => ({ ...files, [name]: content }))
    ),
  );
}

/** The files of a folder, those below it not. */
export async function filesOf(folder: string): Promise<Record<string, Uint8Array>> {
  const files: Record<string, Uint8Array> = {};
  for await (const { name, isFile } of Deno.readDir(folder)) {
    if (isFile) files[name] = await Deno.readFile(join(folder, name));
  }
  return files;
}

/** The JSON of one of them. */
export function jsonOf(files: Readonly<Record<string, Uint8Array>>, name: string): unknown {
  return JSON.parse(new TextDecoder().decode(files[name]));
}
