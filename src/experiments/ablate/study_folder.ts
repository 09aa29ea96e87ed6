import { join } from "node:path";
import { UserError } from "../../runtime/errors.ts";
import { isFolder, isThere } from "../../runtime/files.ts";
import { lockFolder, makeFolder, namesIn } from "../../training/folder_lock.ts";
import { checkSameConfig } from "../config/same_config.ts";
import { readJsonIfThere } from "../../weights/config.ts";
import { removeLeftovers } from "../../weights/temporary.ts";
import { writeJson } from "../runs/write_json.ts";
import { FAILURE } from "./failures.ts";
import type { Study } from "./study.ts";

const RECORD = "study.json";
const LOCK = "study.lock";

/** What must stay the same for as long as a study goes on. */
interface StudyRecord {
  evaluate: Study["evaluate"];
  arms: Record<string, unknown>;
}

/**
 * Holds a study's folder until it is disposed. Seeds, arms and ways to sample can be added to a study that is there, or left
 * out: what they gave stays in the folder. Arms of which nothing has come yet, or that failed, can change.
 *
 * @throws UserError when another process is using the folder; when it holds another study or other files; when it cannot
 * be written
 */
export async function openStudyFolder(study: Study): Promise<Disposable> {
  const { output } = study;
  await checkStudyFolder(study);
  await makeFolder(output);
  const lock = await lockFolder(output, LOCK);
  try {
    const began = await checkStudyFolder(study), record = recordOf(study); // again, now that no other process can change it
    await removeLeftovers(output, { below: true });
    await writeJson(join(output, RECORD), { ...record, arms: { ...began?.arms, ...record.arms } });
  } catch (error) {
    lock.close();
    throw error;
  }
  return { [Symbol.dispose]: () => lock.close() };
}

/**
 * Fails when the study's folder holds something else; see {@linkcode openStudyFolder}.
 *
 * @returns what it has recorded so far
 */
export async function checkStudyFolder(study: Study): Promise<StudyRecord | undefined> {
  const { output } = study, file = join(output, RECORD);
  const began = await readJsonIfThere(file) as StudyRecord | undefined;
  if (!began) {
    const other = (await namesIn(output)).find((name) => name !== LOCK && !name.endsWith(".tmp"));
    if (other === undefined) return;
    throw new UserError(
      `${output} is not empty (it holds "${other}") and holds no study; choose a new or empty folder`,
    );
  }
  const given = JSON.parse(JSON.stringify(recordOf(study))) as StudyRecord;
  const names = Object.keys(began.arms).filter((name) => name in given.arms);
  if (names.length === 0) {
    throw new UserError(
      `${output} holds another study, of ${Object.keys(began.arms).join(", ")}; choose a new or empty folder`,
    );
  }
  const used: string[] = [];
  for (const name of names) if (await isUsed(study, name)) used.push(name);
  const common = ({ evaluate, arms }: StudyRecord) => ({
    evaluate,
    arms: Object.fromEntries(used.map((name) => [name, arms[name]])),
  });
  checkSameConfig(common(began), common(given), file, { what: "study" });
  return began;
}

/** Whether anything has come of an arm yet: until then its settings may change. */
async function isUsed({ arms, output }: Study, name: string): Promise<boolean> {
  const folder = join(output, "arms", arms.find((arm) => arm.name === name)!.slug);
  for (const run of await namesIn(folder)) {
    if (!await isFolder(join(folder, run)) || await isThere(join(folder, run, FAILURE))) continue;
    if ((await namesIn(join(folder, run, "evaluations"))).length > 0) return true;
    if (await isThere(join(folder, run, "run", "config.yaml"))) return true;
  }
  return false;
}

function recordOf({ evaluate, arms }: Study): StudyRecord {
  const settings = arms.map(({ name, untuned, config }) => {
    const train = { ...config.train, seed: undefined }; // a run has its own seed and output
    return [name, untuned ? { untuned, model: config.model } : { ...config, output: undefined, train }];
  });
  return { evaluate, arms: Object.fromEntries(settings) };
}
