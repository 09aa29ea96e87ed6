import assert from "node:assert/strict";
import { decodeWhole } from "../../../src/metrics/features/folder_images.ts";
import { prepareImage } from "../../../src/metrics/features/prepare_image.ts";
import { readTensors } from "../../../src/weights/safetensors.ts";
import { assertClose, fixture } from "../../support.ts";

for (const folder of ["a", "b"]) {
  Deno.test(`prepareImage() resizes as clean-fid does: images ${folder}`, async () => {
    const recorded = (await readTensors(fixture("evaluation/inception.safetensors")))[`resized_${folder}`]!;
    const [count, length] = recorded.shape as [number, number];
    for (let i = 0; i < count; i++) {
      const pixels = await decodeWhole(fixture(`evaluation/${folder}/${i}.png`));
      const resized = prepareImage(pixels, { size: 299, fit: "squash", eightBit: false });
      const picked = resized.filter((_, at) => at % 97 === 0);
      assertClose(picked, recorded.data.slice(i * length, (i + 1) * length), { absolute: 2e-4 });
    }
  });

  Deno.test(`prepareImage() crops as CLIP's processor does, to 8 bits: images ${folder}`, async () => {
    const recorded = (await readTensors(fixture("clip/outputs.safetensors")))[`pixels_${folder}`]!;
    const mean = [0.48145466, 0.4578275, 0.40821073], std = [0.26862954, 0.26130258, 0.27577711];
    for (let i = 0; i < recorded.shape[0]!; i++) {
      const pixels = await decodeWhole(fixture(`evaluation/${folder}/${i}.png`));
      const prepared = prepareImage(pixels, { size: 32, fit: "cover", eightBit: true });
      // NCHW, (x/255 - mean)/std → NHWC, 0 … 255
      const expected = prepared.map((_, at) => {
        const c = at % 3, value = recorded.data[i * 3072 + c * 1024 + (at - c) / 3]!;
        return 255 * (value * std[c]! + mean[c]!);
      });
      const off = prepared.filter((value, at) => Math.abs(value - expected[at]!) > 0.5).length;
      assertClose(prepared, expected, { absolute: 1.01 });
      assert.ok(off <= 0.005 * prepared.length, `${off} of ${prepared.length} differ by one`);
    }
  });
}

Deno.test("prepareImage() lays the whole image in the middle of black to contain it", () => {
  const white = { width: 8, height: 2, data: new Uint8Array(48).fill(255) };
  const rows = prepareImage(white, { size: 4, fit: "contain", eightBit: true }).filter((_, at) =>
    at % 12 === 0
  );
  assert.deepEqual([...rows], [0, 255, 0, 0]);
});

Deno.test("prepareImage() covers the square from the shorter side, and crops the centre", () => {
  const ramp = {
    width: 6,
    height: 2,
    data: Uint8Array.from({ length: 36 }, (_, at) => 10 * (Math.floor(at / 3) % 6)),
  };
  const prepared = prepareImage(ramp, { size: 2, fit: "cover", eightBit: true });
  assert.deepEqual([...prepared].filter((_, at) => at % 3 === 0), [20, 30, 20, 30]);
});
