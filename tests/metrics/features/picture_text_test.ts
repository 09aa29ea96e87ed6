import assert from "node:assert/strict";
import { join } from "node:path";
import {
  centredEmbeddings,
  loadPictureText,
  predictedEmbeddings,
} from "../../../src/metrics/features/picture_text.ts";
import { writeTensors } from "../../../src/weights/safetensors.ts";
import { assertClose } from "../../support.ts";
import { inTempFolder, rejectsWith } from "../../weights/support.ts";

const tensors = {
  weight: { shape: [2, 3], data: Float32Array.of(1, 2, 3, 0, -1, 0.5) },
  bias: { shape: [2], data: Float32Array.of(10, 20) },
  centre: { shape: [2], data: Float32Array.of(0.5, -0.5) },
};

Deno.test("a map from pictures to texts is W x + b, and texts are seen from its centre", () =>
  inTempFolder(async (folder) => {
    await writeTensors(join(folder, "model.safetensors"), tensors);
    const map = await loadPictureText(folder);
    const predicted = predictedEmbeddings(map, { n: 2, d: 3, data: Float32Array.of(1, 1, 1, 0, 2, 4) });
    assertClose(predicted.data, [16, 19.5, 26, 20], { absolute: 0 });
    assert.deepEqual([predicted.n, predicted.d], [2, 2]);
    assertClose(centredEmbeddings(map, { n: 1, d: 2, data: Float32Array.of(1, 1) }).data, [0.5, 1.5], {
      absolute: 0,
    });
    assert.throws(
      () => predictedEmbeddings(map, { n: 1, d: 2, data: new Float32Array(2) }),
      /the map from pictures to texts is of 3 features, these are 2/,
    );
    assert.throws(
      () => centredEmbeddings(map, { n: 1, d: 3, data: new Float32Array(3) }),
      /have d = 3, the map .* d = 2/,
    );
  }));

Deno.test("a file that is no map is named", () =>
  inTempFolder(async (folder) => {
    await rejectsWith(() => loadPictureText(folder), /model\.safetensors/);
    const { weight, bias } = tensors;
    await writeTensors(join(folder, "model.safetensors"), { weight, bias });
    await rejectsWith(
      () => loadPictureText(folder),
      /expected the tensors "weight" \[D,F\], "bias" \[D\] and "centre" \[D\]/,
    );
  }));
