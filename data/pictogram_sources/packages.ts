import { join } from "node:path";

/** The npm packages that the pictograms come from. */
export const PACKAGES = {
  shaded: "emoji-datasource-google@16.0.0",
  flat: "emoji-datasource-twitter@16.0.0",
  "3D": "@lobehub/fluent-emoji-3d@1.1.0",
  words: "emojibase-data@17.0.0",
} as const;

/** Fetches a package by the npm client and unpacks it below `folder`; gives the folder with its files. */
export async function unpacked(name: string, folder: string): Promise<string> {
  const target = join(folder, name.replace(/[@/]/g, "-"));
  await Deno.mkdir(target, { recursive: true });
  await command("npm", ["pack", name, "--silent", "--pack-destination", target]);
  const [archive] = [...Deno.readDirSync(target)];
  await command("tar", ["-xzf", join(target, archive!.name), "-C", target]);
  return join(target, "package");
}

async function command(program: string, args: string[]): Promise<void> {
  const { success } = await new Deno.Command(program, { args, stdout: "null" }).output();
  if (!success) throw new Error(`${program} ${args.join(" ")} failed`);
}
