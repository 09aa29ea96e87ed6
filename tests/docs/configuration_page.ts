import { fileURLToPath } from "node:url";
import type { ZodType } from "zod";
import { studySchema } from "../../src/experiments/ablate/study_config.ts";
import { type ConfigKey, configKeys } from "../../src/experiments/config/keys.ts";
import { pretrainSchema } from "../../src/experiments/pretrain/config.ts";
import { tuneSchema } from "../../src/experiments/tune/config.ts";

export const CONFIGURATION_PAGE = fileURLToPath(new URL("../../docs/configuration.md", import.meta.url));

const HEAD = `# Keys of configurations

Written by \`deno task docs:configuration\` from the schemas that check them. A key that is not here is an error which names the nearest one; every key
can be set on the command line: \`--set adt.lambda_adv=0.3\`. Without a default, a key is either needed or means nothing where it is left out.
Commented examples: [data/configs](../data/configs), [data/studies](../data/studies), [data/models](../data/models).
`;

const SECTIONS: readonly [title: string, schema: ZodType][] = [
  ["`adt tune`", tuneSchema],
  ["`adt pretrain`", pretrainSchema],
  ["`adt ablate`", studySchema],
];

/** The page of all keys. */
export function configurationPage(): string {
  return [HEAD, ...SECTIONS.map(([title, schema]) => `## ${title}\n\n${tableOf(configKeys(schema))}\n`)].join(
    "\n",
  );
}

function tableOf(keys: readonly ConfigKey[]): string {
  const rows = Object.entries(Object.groupBy(keys, ({ path }) => path)).flatMap(([path, same]) => {
    const items = keys.filter((key) => key.path === `${path}[]`).map(({ kind }) => kind);
    const kinds = new Set(same!.map(({ kind }) => kind === "array" ? `list of ${items.join(", ")}` : kind));
    const description = same!.find(({ description }) => description !== undefined)?.description;
    const isGroup = kinds.has("object") && kinds.size === 1;
    if (path.endsWith("[]") || isGroup && description === undefined) return [];
    const fallback = isGroup ? undefined : same!.find(({ fallback }) => fallback !== undefined)?.fallback;
    return [[
      `\`${path}\``,
      [...kinds].join(", ").replaceAll(" | ", ", "),
      fallback ? `\`${fallback}\`` : "",
      description ?? "",
    ]];
  });
  const lines = [["key", "value", "default", ""], ["---", "---", "---", "---"], ...rows].map((cells) =>
    `| ${cells.map((cell) => cell!.replaceAll("|", "\\|")).join(" | ")} |`
  );
  return lines.join("\n");
}
