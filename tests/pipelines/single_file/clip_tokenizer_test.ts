import assert from "node:assert/strict";
import { join } from "node:path";
import { clipTokenizerFiles } from "../../../src/pipelines/single_file/clip_tokenizer.ts";
import { loadTokenizer } from "../../../src/text/load_tokenizer.ts";
import { inTempFolder } from "../../weights/support.ts";

/** Numbers that open_clip 3.3.0 gives, without the two marks. */
const KNOWN = {
  "a photo of a cat": [320, 1125, 539, 320, 2368],
};

Deno.test("the bundled vocabulary gives CLIP's own numbers", () =>
  inTempFolder(async (folder) => {
    for (const [name, text] of Object.entries(await clipTokenizerFiles("!"))) {
      await Deno.writeTextFile(join(folder, name), text);
    }
    const tokenizer = await loadTokenizer(folder);
    for (const [text, ids] of Object.entries(KNOWN)) {
      const expected = [49406, ...ids, 49407];
      const { ids: [found] } = tokenizer.encode([text], { maxLength: expected.length + 2 });
      assert.deepEqual([...found!], [...expected, 0, 0]); // "!" fills up
    }
  }));
