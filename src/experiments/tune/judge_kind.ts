import { bundledPath } from "../../data/bundled.ts";
import { BUNDLED_NETWORKS, type FeatureKind } from "../../metrics/features/kinds.ts";
import type { TuneConfig } from "./config.ts";

/** The bundled network through which a tuning's discriminator or reward sees, which is not to score what comes of it. */
export async function judgeKind({ adt }: TuneConfig): Promise<FeatureKind | undefined> {
  if (adt.lambda_adv === 0) return undefined;
  if (adt.reward === "picture-text") return "squeezenet";
  const real = (path: string) => Deno.realPath(path).catch(() => path);
  const backbone = await real(adt.discriminator.backbone);
  for (const [kind, path] of Object.entries(BUNDLED_NETWORKS)) {
    if (await real(await bundledPath(path)) === backbone) return kind as FeatureKind;
  }
  return undefined;
}
