import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { backend, onTensorflow } from "../../src/runtime/tensorflow/backend.ts";
import { type LoadOptions, loadParams, saveParams } from "../../src/weights/checkpoint.ts";
import { readTensors, writeTensors } from "../../src/weights/safetensors.ts";
import { assertClose, noLeak, startTestEngine } from "../support.ts";
import { inTempFolder, rejectsWith } from "./support.ts";

const engine = { sanitizeOps: false, sanitizeResources: false };
const ramp = (n: number) => Float32Array.from({ length: n }, (_, i) => i);
const declarations = { "conv.weight": { shape: [1, 2, 3, 4] }, "conv.bias": { shape: [4] } };
// In the checkpoint: O = 4, I = 3, H = 1, W = 2.
const stored = {
  "conv.weight": { shape: [4, 3, 1, 2], data: ramp(24) },
  "conv.bias": { shape: [4], data: ramp(4) },
};

Deno.test("loadParams() brings kernels from OIHW to HWIO and leaves the rest", engine, async () => {
  await startTestEngine();
  await inTempFolder(async (folder) => {
    await writeTensors(`${folder}/model.safetensors`, stored);
    const params = await loadParams(folder, declarations);
    const kernel = params["conv.weight"]!;
    assert.deepEqual(kernel.shape, [1, 2, 3, 4]);
    const at = kernel.arraySync() as number[][][][];
    for (let o = 0; o < 4; o++) {
      for (let i = 0; i < 3; i++) {
        for (let w = 0; w < 2; w++) assert.equal(at[0]![w]![i]![o], (o * 3 + i) * 2 + w);
      }
    }
    assertClose(params["conv.bias"]!, ramp(4), {});
    tf.dispose(params);
  });
});

Deno.test("loadParams() leaves no weight in an array of JavaScript on TensorFlow", engine, async () => {
  await startTestEngine();
  if (!onTensorflow()) return;
  await inTempFolder(async (folder) => {
    await writeTensors(`${folder}/model.safetensors`, stored);
    const params = await loadParams(folder, declarations);
    for (const x of Object.values(params)) assert.equal(backend().tensorMap.get(x.dataId).values, null);
    tf.dispose(params);
  });
});

Deno.test("saveParams() then loadParams() gives the same parameters, bit by bit in F32", engine, async () => {
  await startTestEngine();
  await inTempFolder(async (parent) => {
    const folder = `${parent}/new/folder`;
    await noLeak(async () => {
      const params = {
        "conv.weight": tf.randomNormal([1, 2, 3, 4], 0, 1, "float32", 1),
        "conv.bias": tf.randomNormal([4]),
      };
      await saveParams(folder, { _class_name: "X" }, params, {
        dtype: "F32",
        kind: "diffusers",
        metadata: { seed: "1" },
      });
      const back = await loadParams(folder, declarations);
      for (const name of Object.keys(declarations)) {
        assertClose(back[name]!, params[name as keyof typeof params], {});
      }
      tf.dispose([back, params]);
    });
    assert.deepEqual(JSON.parse(await Deno.readTextFile(`${folder}/config.json`)), { _class_name: "X" });
    const file = await readTensors(`${folder}/diffusion_pytorch_model.safetensors`);
    assert.deepEqual(file["conv.weight"]!.shape, [4, 3, 1, 2]);
  });
});

Deno.test("saveParams() in F16 halves the file and rounds to 11 significant bits", engine, async () => {
  await startTestEngine();
  await inTempFolder(async (folder) => {
    const w = tf.tensor1d([1 / 3, -100.1]);
    await saveParams(folder, {}, { w }, { dtype: "F16", kind: "transformers" });
    const back = await readTensors(`${folder}/model.safetensors`);
    assert.equal(back.w!.dtype, "F16");
    assertClose(back.w!.data, w, { relative: 2 ** -11 });
    w.dispose();
  });
});

Deno.test(
  "loadParams() lists every missing, unexpected and misshaped name in one error",
  engine,
  async () => {
    await startTestEngine();
    await inTempFolder(async (folder) => {
      await writeTensors(`${folder}/model.safetensors`, {
        "conv.weight": { shape: [4, 3, 2, 1], data: ramp(24) },
        "extra.a": { shape: [1], data: ramp(1) },
        "extra.b": { shape: [2, 1], data: ramp(2) },
      });
      await noLeak(() =>
        rejectsWith(
          () => loadParams(folder, { ...declarations, "norm.bias": { shape: [8] } }),
          /model\.safetensors does not fit/,
          /2 missing:\n {2}conv\.bias \[4\]\n {2}norm\.bias \[8\]/,
          /2 unexpected:\n {2}extra\.a \[1\]\n {2}extra\.b \[2,1\]/,
          /1 misshaped:\n {2}conv\.weight \[4,3,2,1\], expected \[4,3,1,2\]/,
        )
      );
    });
  },
);

Deno.test(
  "loadParams() reads one part of a checkpoint by its names there, and leaves the others",
  engine,
  async () => {
    await startTestEngine();
    await inTempFolder(async (folder) => {
      const tensors = {
        "vit.w": { shape: [2], data: new Int32Array([0, 1]) },
        "head.w": { shape: [3], data: ramp(3) },
      };
      await writeTensors(`${folder}/model.safetensors`, tensors);
      const ofVit: LoadOptions = {
        nameInFile: (name) => `vit.${name}`,
        leaves: (name) => !name.startsWith("vit."),
      };
      const params = await loadParams(folder, { w: { shape: [2] } }, ofVit);
      assert.equal(params.w!.dtype, "float32");
      assertClose(params.w!, ramp(2), {});
      tf.dispose(params);
      await rejectsWith(
        () => loadParams(folder, { v: { shape: [2] } }, ofVit),
        /vit\.v \[2\]/,
        /vit\.w \[2\]/,
      );
    });
  },
);

Deno.test("loadParams() reads shards through their index", engine, async () => {
  await startTestEngine();
  await inTempFolder(async (folder) => {
    await writeTensors(`${folder}/m-1.safetensors`, { "conv.weight": stored["conv.weight"] });
    await writeTensors(`${folder}/m-2.safetensors`, { "conv.bias": stored["conv.bias"] });
    const index = `${folder}/diffusion_pytorch_model.safetensors.index.json`;
    const map = { "conv.weight": "m-1.safetensors", "conv.bias": "m-2.safetensors" };
    await Deno.writeTextFile(index, JSON.stringify({ metadata: {}, weight_map: map }));
    const params = await loadParams(folder, declarations);
    assertClose(params["conv.bias"]!, ramp(4), {});
    tf.dispose(params);

    await Deno.writeTextFile(
      index,
      JSON.stringify({ weight_map: { ...map, "conv.bias": "m-1.safetensors" } }),
    );
    await rejectsWith(() => loadParams(folder, declarations), /lack: conv\.bias \(m-1\.safetensors\)/);
    await Deno.writeTextFile(
      index,
      JSON.stringify({ weight_map: { ...map, "conv.bias": "m-3.safetensors" } }),
    );
    await rejectsWith(() => loadParams(folder, declarations), /m-3\.safetensors: no such file/);
    await Deno.writeTextFile(index, JSON.stringify({ weight_map: { "conv.bias": "../m-2.safetensors" } }));
    await rejectsWith(() => loadParams(folder, declarations), /"weight_map" should map/);
  });
});

Deno.test("loadParams() reads the fp16 variant when it is the only one", engine, async () => {
  await startTestEngine();
  await inTempFolder(async (folder) => {
    const path = `${folder}/diffusion_pytorch_model.fp16.safetensors`;
    await writeTensors(path, { w: { shape: [2], data: new Float32Array([0.5, 3]), dtype: "F16" } });
    const params = await loadParams(folder, { w: { shape: [2] } });
    assert.equal(params.w!.dtype, "float32");
    assertClose(params.w!, [0.5, 3], {});
    tf.dispose(params);
  });
});

Deno.test("loadParams() says what is wrong with a folder that holds no safetensors", () =>
  inTempFolder(async (folder) => {
    await rejectsWith(() => loadParams(`${folder}/none`, {}), /cannot open the model folder .*none/);
    await rejectsWith(
      () => loadParams(folder, {}),
      /no weights found; expected diffusion_pytorch_model\.safetensors or model\.safetensors, a variant/,
    );
    await Deno.writeTextFile(`${folder}/pytorch_model.bin`, "");
    await rejectsWith(() => loadParams(folder, {}), /pytorch_model\.bin is not safetensors/);
  }));

Deno.test(
  "loadParams() refuses whole numbers of 8 bits, and dtypes that it does not know, by name",
  engine,
  async () => {
    await startTestEngine();
    await inTempFolder(async (folder) => {
      const path = `${folder}/model.safetensors`;
      for (
        const [dtype, message] of [
          [
            "I8",
            /model\.safetensors: w is stored as I8: quantised weights are not supported; save the model as float16/,
          ],
          ["F8_E8M0", /"w" has dtype "F8_E8M0", which is not supported; expected one of F64, F32, F16, BF16/],
        ] as const
      ) {
        const header = new TextEncoder().encode(
          `{"w":{"dtype":"${dtype}","shape":[2],"data_offsets":[0,2]}}`,
        );
        const length = new Uint8Array(new BigUint64Array([BigInt(header.length)]).buffer);
        await Deno.writeFile(path, Uint8Array.from([...length, ...header, 1, 2]));
        await rejectsWith(() => loadParams(folder, { w: { shape: [2] } }), message);
      }
    });
  },
);

Deno.test("loadParams() names a shard that is cut short", engine, async () => {
  await startTestEngine();
  await inTempFolder(async (folder) => {
    await writeTensors(`${folder}/m-1.safetensors`, { "conv.weight": stored["conv.weight"] });
    await writeTensors(`${folder}/m-2.safetensors`, { "conv.bias": stored["conv.bias"] });
    const map = { "conv.weight": "m-1.safetensors", "conv.bias": "m-2.safetensors" };
    await Deno.writeTextFile(`${folder}/model.safetensors.index.json`, JSON.stringify({ weight_map: map }));
    await Deno.truncate(`${folder}/m-2.safetensors`, (await Deno.stat(`${folder}/m-2.safetensors`)).size - 3);
    await rejectsWith(() => loadParams(folder, declarations), /m-2\.safetensors: .*the file is truncated/);
  });
});

Deno.test("loadParams() lists the first few misfits and counts the rest", engine, async () => {
  await startTestEngine();
  await inTempFolder(async (folder) => {
    const tensors = Object.fromEntries(
      Array.from({ length: 300 }, (_, i) => [`x${i}`, { shape: [1], data: new Float32Array(1) }]),
    );
    await writeTensors(`${folder}/model.safetensors`, tensors);
    await assert.rejects(() => loadParams(folder, { w: { shape: [2] } }), (error: Error) => {
      assert.match(
        error.message,
        /1 missing:\n {2}w \[2\]\n300 unexpected:\n {2}x0 \[1\][^]*\n {2}and 292 more\n/,
      );
      assert.ok(error.message.split("\n").length < 16);
      return true;
    });
  });
});
