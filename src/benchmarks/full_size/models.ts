import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { UserError } from "../../runtime/errors.ts";
import { isThere } from "../../runtime/files.ts";
import { runCommand } from "../../runtime/python.ts";
import { type MeasuredTask, TASKS } from "./job.ts";

/** A checkpoint of real size that the benchmark tunes. */
export interface FullSizeModel {
  /** Of `data/make_full_size.ts`, and of the configuration `data/configs/NAME-adt.yaml`. */
  name: string;
  title: string;
  /** Side of the images in pixels. */
  resolution: number;
  /** What is measured of it at that resolution; at others it is the ADT step alone. */
  tasks: readonly MeasuredTask[];
  /** Whether the checkpoint has the T5 text encoder that belongs to it. */
  t5?: boolean;
}

const COMMON = ["load", "sample", "adt"] as const;

const SD3 = { name: "sd3", resolution: 512, tasks: ["encode", ...COMMON] } as const;

export const MODELS: readonly FullSizeModel[] = [
  { name: "sd15", title: "Stable Diffusion 1.5", resolution: 512, tasks: ["forward", "image", ...COMMON] },
  { name: "sdxl", title: "SDXL", resolution: 512, tasks: COMMON },
  { ...SD3, title: "SD3 medium, without T5", t5: false },
];

const SD3_WITH_T5: FullSizeModel = { ...SD3, title: "SD3 medium, with T5", t5: true };

/** All models, in the order of the table. */
export const ALL_MODELS: readonly FullSizeModel[] = [...MODELS, SD3_WITH_T5];

/** What is asked for of the models. */
export interface Wanted {
  /** Names of `MODELS`. */
  only: readonly string[];
  /** Whether SD3 has its T5. */
  withT5: boolean;
  /** Side of the images in pixels; absent: each model's own. */
  resolution?: number;
  /** Absent: what belongs to the resolution. */
  task?: readonly MeasuredTask[];
}

/** The models that are asked for, at the resolution and with the tasks that are. */
export function modelsOf({ only, withT5, resolution, task }: Wanted): FullSizeModel[] {
  return MODELS.filter(({ name }) => only.includes(name)).map((each) => {
    const model = withT5 && each.t5 === false ? SD3_WITH_T5 : each;
    const wanted = task ?? (resolution === undefined ? TASKS : ["adt"]);
    const tasks = TASKS.filter((one) => model.tasks.includes(one) && wanted.includes(one));
    return { ...model, resolution: resolution ?? model.resolution, tasks };
  });
}

/** The discriminator's backbone: DINOv2-B. */
export const BACKBONE = { name: "dinov2" };

/**
 * Writes a checkpoint with random weights into a folder of its own, unless it is there. Other work sees it only when it is
 * complete.
 *
 * @param log is told what takes time
 * @returns its folder
 * @throws UserError with what the writing process said
 */
export async function checkpointFolder(
  folder: string,
  { name, t5 }: Pick<FullSizeModel, "name" | "t5">,
  log: (line: string) => void,
): Promise<string> {
  const path = join(folder, t5 ? `${name}-with-t5` : name), part = `${path}.part`;
  if (await isThere(path)) return path;
  log(`writing random weights of ${name} into ${path} (once)`);
  const script = fileURLToPath(new URL("../../../data/make_full_size.ts", import.meta.url));
  const options = t5 === false ? ["--without-t5"] : [];
  const args = ["run", "--quiet", "-A", script, name, part, ...options];
  const { success, stderr } = await runCommand(Deno.execPath(), args);
  if (!success) throw new UserError(`${name} could not be written: ${stderr.trim()}`);
  await Deno.rename(part, path);
  return path;
}
