import { UserError } from "../../runtime/errors.ts";
import type { Params } from "../../tensor/params.ts";
import { loadParams } from "../../weights/checkpoint.ts";
import { openWeightFiles } from "../../weights/weight_files.ts";
import { type InceptionV3, inceptionV3 } from "./inception_v3.ts";

/** The classifier behind the features, and counters of the training, which are not read. */
const UNUSED = /^fc\.|\.num_batches_tracked$/;

const CHECKPOINT = "pt_inception-2015-12-05-6726825d.pth";

/**
 * Loads FID's Inception-v3 from a folder with `model.safetensors`, which holds the weights of pytorch-fid's checkpoint by
 * their names. Make it once, from the file `pt_inception-2015-12-05-6726825d.pth` of that project's release
 * "fid_weights", with Python (torch and safetensors):
 *
 * ```python
 * import torch, safetensors.torch
 * safetensors.torch.save_file(torch.load("pt_inception-2015-12-05-6726825d.pth"), "model.safetensors")
 * ```
 *
 * @throws UserError where there is none (it says how to make it), and for weights that are missing or misshaped
 */
export async function loadInceptionV3(folder: string): Promise<{ model: InceptionV3; params: Params }> {
  const model = inceptionV3();
  await checkThere(folder);
  const params = await loadParams(folder, model.declarations, { leaves: (name) => UNUSED.test(name) });
  return { model, params };
}

async function checkThere(folder: string): Promise<void> {
  try {
    using _ = await openWeightFiles(folder);
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    throw new UserError(`${error.message}\n${inceptionAdvice(folder)}`, { cause: error });
  }
}

/** How to come by the weights. */
function inceptionAdvice(folder: string): string {
  return `Inception-v3 is read from ${folder}/model.safetensors. Download ${CHECKPOINT} (release "fid_weights" of ` +
    "github.com/mseitzer/pytorch-fid), create the folder, and convert it once with Python's torch and safetensors:\n" +
    `  python -c 'import torch, safetensors.torch as s; s.save_file(torch.load("${CHECKPOINT}"), "${folder}/model.safetensors")'`;
}
