import { barFigure } from "../../display/bar_figure.ts";
import type { Figure } from "../../display/figure.ts";
import { INK } from "../../display/theme.ts";
import { BETTER_MEANS } from "../../metrics/scores/definitions.ts";
import { scoreDefinition } from "../../metrics/scores/named_scores.ts";
import { UserError } from "../../runtime/errors.ts";
import { formatScore } from "../report/scores.ts";
import { variantName } from "./study.ts";
import type { ArmScore } from "./summary.ts";

/** A score of every arm in the first way to sample among them. */
function headline(scores: readonly ArmScore[], score: string): ArmScore[] {
  const own = scores.filter((one) => one.score === score), first = own[0];
  if (first) return own.filter(({ variant }) => variantName(variant) === variantName(first.variant));
  const known = [...new Set(scores.map((one) => one.score))].join(", ") || "none";
  throw new UserError(`no arm has a score "${score}" yet; there are: ${known}`);
}

/**
 * One score of every arm as bars with 95 % confidence intervals, and the floor, what real images score, as a line.
 *
 * ```ts ignore
 * import { ablate, armFigure, show } from "../../../mod.ts";
 * const { scores } = await ablate("data/studies/parts.yaml");
 * await show(armFigure(scores, "fid"));
 * ```
 *
 * @param scores of one way to sample, or of several: then the first is shown
 * @throws UserError when no arm has that score
 */
export function armFigure(scores: readonly ArmScore[], score: string): Figure {
  const own = headline(scores, score), { label, better } = scoreDefinition(score), { floor, n } = own[0]!;
  const figure = barFigure(own.map(({ arm }) => arm), [bars(label, own)], {
    title: `${label} of ${n} images, ${BETTER_MEANS[better]}`,
    x: { label },
    y: { label: "arm" },
    horizontal: true,
  });
  return floor === undefined ? figure : withLine(figure, floor, `floor ${formatScore(floor)}`);
}

/**
 * How a score of the arms differs from that of a reference arm: paired differences with 95 % confidence intervals, seed by
 * seed and image by image from the same noise. An interval that leaves out 0 is a difference beyond the chance of these
 * images and seeds.
 *
 * ```ts ignore
 * import { ablate, differenceFigure, show } from "../../../mod.ts";
 * const { scores } = await ablate("data/studies/parts.yaml");
 * await show(differenceFigure(scores, "fid", "untuned"));
 * ```
 *
 * @param scores as in `armFigure`
 * @param reference name of an arm that the study has among its `references`
 * @throws UserError when no arm has that score, or none is compared with that reference
 */
export function differenceFigure(
  scores: readonly ArmScore[],
  score: string,
  reference: string,
): Figure {
  const { label, better } = scoreDefinition(score);
  const rows = headline(scores, score).flatMap(({ arm, comparisons }) =>
    comparisons.filter((one) => one.reference === reference)
      .map(({ difference }) => ({ arm, ...difference }))
  );
  if (rows.length === 0) {
    throw new UserError(
      `no finished arm is compared with "${reference}" yet; let the study go on, and see that it has references: ["${reference}"]`,
    );
  }
  const figure = barFigure(rows.map(({ arm }) => arm), [bars(`difference of the ${label}`, rows)], {
    title: `${label} against ${reference}, ${BETTER_MEANS[better]}`,
    x: { label: `${label} − ${label} of ${reference}` },
    y: { label: "arm" },
    horizontal: true,
  });
  return withLine(figure, 0, "no difference");
}

/** The values and intervals of bars. */
function bars(name: string, rows: readonly Pick<ArmScore, "value" | "ci">[]) {
  const values = rows.map(({ value }) => value);
  return { name, values, low: rows.map(({ ci }) => ci[0]), high: rows.map(({ ci }) => ci[1]) };
}

/** A dashed line across bars that grow to the right, named above. */
function withLine({ data, layout }: Figure, x: number, text: string): Figure {
  const place = { xref: "x", yref: "paper" };
  const line = { ...place, type: "line", x0: x, x1: x, y0: 0, y1: 1, line: { color: INK, dash: "dash" } };
  const name = { ...place, x, y: 1, yanchor: "bottom", text, showarrow: false };
  return { data, layout: { ...layout, shapes: [line], annotations: [name] } };
}
