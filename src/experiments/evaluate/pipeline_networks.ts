import { bundledPath } from "../../data/bundled.ts";
import { BUNDLED_NETWORKS, type FeatureKind } from "../../metrics/features/kinds.ts";
import { type FeatureNetwork, loadFeatureNetwork } from "../../metrics/features/networks.ts";
import { UserError } from "../../runtime/errors.ts";
import { type FolderNetworks, openFolderNetworks } from "./folder_networks.ts";
import { defaultNetworkFolder } from "./folders.ts";
import type { EvaluatorOptions } from "./pipeline_options.ts";

/** Bundled networks that can score, the first choice first. */
const SCORERS: readonly FeatureKind[] = ["squeezenet", "efficientnet-lite0", "pictograms-vit"];

/** Networks that score samples unless others are named: two that did not judge in training. */
export function scorersFor(judges: readonly FeatureKind[] = []): FeatureKind[] {
  return SCORERS.filter((kind) => !judges.includes(kind)).slice(0, 2);
}

/** A network with what it is. */
export interface ScoringNetwork extends FolderNetworks {
  kind: FeatureKind;
  model: string;
}

/** All networks that look at samples. */
export interface PipelineNetworks {
  scoring: ScoringNetwork[];
  /** The bundled SqueezeNet, for what was fitted on its features: one of `scoring`, or one more. */
  squeezenet?: FeatureNetwork;
  dispose(): void;
}

/**
 * Loads the networks that score a pipeline's samples.
 *
 * @param withSqueezenet whether the bundled SqueezeNet is needed besides
 * @throws UserError for a network that is not there, judged in training, or does not fit the others
 */
export async function openPipelineNetworks(
  options: Omit<EvaluatorOptions, "signal">,
  withSqueezenet: boolean,
): Promise<PipelineNetworks> {
  const { judges = [], aesthetic, hpsv2, seed } = options,
    kinds = [...new Set(options.features ?? scorersFor(judges))];
  const judge = judges.find((judge) => kinds.includes(judge));
  if (judge) {
    throw new UserError(
      `${judge} judged the images in training, so it cannot score them: choose other --features, like ${
        scorersFor(judges).join(" ")
      }`,
    );
  }
  if (aesthetic !== undefined && !kinds.includes("clip")) {
    throw new UserError(`the aesthetic score is computed from CLIP's features: add clip to --features`);
  }
  const own = kindOfModel(kinds, options.model), bundled = await bundledPath("models/squeezenet1_1");
  const owned: { dispose(): void }[] = [];
  const dispose = () => owned.forEach((network) => network.dispose());
  try {
    const scoring: ScoringNetwork[] = [];
    for (const [i, kind] of kinds.entries()) {
      const model = kind === own ? options.model! : await defaultNetworkFolder(kind);
      const networks = await openFolderNetworks({
        ...{ kind, model, seed },
        hpsv2: i === 0 ? hpsv2 : undefined,
        aesthetic: kind === "clip" ? aesthetic : undefined,
      });
      owned.push(networks);
      scoring.push({ ...networks, kind, model });
    }
    if (!withSqueezenet) return { scoring, dispose };
    const there = scoring.find(({ kind, model }) => kind === "squeezenet" && model === bundled)?.features;
    const squeezenet = there ?? await loadFeatureNetwork("squeezenet", bundled);
    if (!there) owned.push(squeezenet);
    return { scoring, squeezenet, dispose };
  } catch (error) {
    dispose();
    throw error;
  }
}

/** Which of the networks a folder is of: the only one, or the only one that is not bundled. */
function kindOfModel(kinds: readonly FeatureKind[], model: string | undefined): FeatureKind | undefined {
  if (model === undefined) return undefined;
  const possible = kinds.length === 1 ? kinds : kinds.filter((kind) => !(kind in BUNDLED_NETWORKS));
  if (possible.length === 1) return possible[0];
  throw new UserError(
    `--model ${model} is the folder of one network that is not bundled; of --features ${kinds.join(" ")}, ` +
      (possible.length
        ? `${possible.join(" and ")} are not: name one of them`
        : "all are bundled: add its kind, like dinov2"),
  );
}
