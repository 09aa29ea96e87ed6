import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import sharp from "sharp";
import { imageFolder } from "../../src/data/image_folder.ts";
import { listImages } from "../../src/data/image_list.ts";
import { folderImages } from "../../src/metrics/features/folder_images.ts";
import { inTempFolder, rejectsWith } from "../weights/support.ts";

const png = await sharp({ create: { width: 4, height: 4, channels: 3, background: "red" } }).png().toBuffer();

/** A folder of images, with others beside it. */
function withImages(f: (folder: string) => Promise<void>): Promise<void> {
  return inTempFolder(async (all) => {
    for (const name of ["data/1.png", "data/sub/2.png", "other/3.png", "data2/4.png"]) {
      await Deno.mkdir(dirname(join(all, name)), { recursive: true });
      await Deno.writeFile(join(all, name), png);
    }
    await f(join(all, "data"));
  });
}

const pathsOf = async (folder: string) =>
  (await imageFolder(folder, { resolution: 2, outside: true })).images.map(({ path }) => path);

Deno.test("a file_name that leaves the folder is refused by its name, and allowed by outside: true", () =>
  withImages(async (folder) => {
    const metadata = join(folder, "metadata.jsonl"), outside = join(dirname(folder), "other", "3.png");
    for (
      const name of ["../other/3.png", "sub/../../other/3.png", "..\\other\\3.png", outside, "../data2/4.png"]
    ) {
      await Deno.writeTextFile(metadata, JSON.stringify({ file_name: name, text: "x" }));
      const message =
        /metadata\.jsonl names files that lie outside of .*data: \.\.\/(other\/3|data2\/4)\.png; put the/;
      await rejectsWith(
        () => listImages(folder),
        message,
        /or allow .* by outside: true .* --outside of adt/,
      );
      await rejectsWith(() => imageFolder(folder, { resolution: 2 }), message);
      await rejectsWith(() => folderImages(folder), message);
      await rejectsWith(() => folderImages(folder, { metadata }), message);
      const [path] = await pathsOf(folder);
      assert.match(path!, /(other.3|data2.4)\.png$/);
      assert.equal((await folderImages(folder, { metadata, outside: true })).n, 1);
    }
    for (const name of ["./sub/../1.png", join(folder, "1.png"), "sub/2.png", "lost.png"]) {
      await Deno.writeTextFile(metadata, JSON.stringify({ file_name: name }));
      assert.equal((await listImages(folder)).entries.length, 1);
    }
    await Deno.rename(metadata, join(folder, "sub", "metadata.jsonl"));
    await Deno.writeTextFile(join(folder, "sub", "metadata.jsonl"), '{"file_name": "../1.png"}');
    assert.deepEqual((await listImages(folder)).entries.map(({ file }) => file), ["1.png"]);
  }));

Deno.test({
  name:
    "a link out of the folder is refused by its name, to a file, a folder or metadata, and allowed by outside: true",
  ignore: Deno.build.os === "windows",
  async fn() {
    for (
      const [name, to] of [["a.png", "other/3.png"], ["sub/a", "other"], ["a.png", "data2/4.png"]] as const
    ) {
      await withImages(async (folder) => {
        await Deno.symlink(join(dirname(folder), to), join(folder, name));
        const message = new RegExp(
          `data: ${name} leads out of the folder by a link; put the files .* outside: true`,
        );
        await rejectsWith(() => listImages(folder), message);
        await rejectsWith(() => folderImages(folder), message);
        assert.equal((await pathsOf(folder)).length, 3);
      });
    }
    await withImages(async (folder) => {
      await Deno.symlink("../../other", join(folder, "sub", ".hidden")); // which is not looked into
      await Deno.symlink("sub/2.png", join(folder, "0.png")); // within
      assert.equal((await listImages(folder)).entries.length, 2);
      await Deno.writeTextFile(join(folder, "metadata.jsonl"), '{"file_name": "sub/.hidden/3.png"}');
      await rejectsWith(() => listImages(folder), /names files that lie outside .*: sub\/\.hidden\/3\.png;/);
      assert.equal((await pathsOf(folder)).length, 1);
    });
  },
});
