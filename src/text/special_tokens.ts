import { UserError } from "../runtime/errors.ts";
import { cut, quoted } from "../runtime/wording.ts";
import { isRecord } from "../weights/config.ts";
import { isTokenId } from "./token_id.ts";

/** A token that is found in a text as it stands, before the text is split. */
export interface AddedToken {
  content: string;
  single_word: boolean;
  lstrip: boolean;
  rstrip: boolean;
  /** Whether it is looked for in the normalised text (of CLIP: in lower case) instead of the text as given. */
  normalized: boolean;
  special: boolean;
}

/** Tokens with a role, by the role's name, and all others that the configuration adds, by number. */
export interface SpecialTokens {
  named: Readonly<Record<string, AddedToken>>;
  /** Further special tokens. */
  extra: readonly AddedToken[];
  numbered: Map<number, AddedToken>;
}

/** Roles, in transformers' order. */
const ROLES = ["bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"];

/**
 * The special tokens that `tokenizer_config.json` and, unless that lists all added tokens, `special_tokens_map.json`
 * name, as transformers reads them.
 *
 * @param defaults of roles that neither file names
 * @param where names the folder in errors
 * @throws UserError for a token that is neither a text nor an object with one
 */
export function readSpecialTokens(
  config: Record<string, unknown>,
  map: Record<string, unknown>,
  defaults: Readonly<Record<string, string>>,
  where: string,
): SpecialTokens {
  const listed = config.added_tokens_decoder ?? undefined;
  if (listed !== undefined && !isRecord(listed)) {
    throw new UserError(
      `${where}: added_tokens_decoder is ${quoted(listed)}, expected tokens by their numbers`,
    );
  }
  const values = { ...defaults, ...withoutNull(config), ...(listed ? {} : withoutNull(map)) };
  const token = (value: unknown, role: string): AddedToken => {
    const object = typeof value === "string" ? { content: value } : value as Partial<AddedToken>;
    const flags = Object.entries(object ?? {}).filter(([key]) => key !== "content" && key in PLAIN);
    if (
      typeof object?.content !== "string" || object.content === "" ||
      flags.some(([, value]) => typeof value !== "boolean")
    ) {
      throw new UserError(`${where}: ${cut(role)} is ${quoted(value)}, expected a token`);
    }
    return { ...PLAIN, content: object.content, ...Object.fromEntries(flags) };
  };
  const numbered = new Map(
    Object.entries(listed ?? {}).map(([id, value]) => {
      const number = Number(id);
      if (isTokenId(number)) return [number, token(value, `added token ${id}`)];
      throw new UserError(`${where}: added_tokens_decoder: expected a token's number, got ${quoted(id)}`);
    }),
  );
  const byContent = new Map([...numbered.values()].map((added) => [added.content, added]));
  const special = (value: unknown, role: string): AddedToken => {
    const found = token(value, role);
    return { ...(byContent.get(found.content) ?? found), special: true };
  };
  const named = ROLES.filter((role) => values[role] !== undefined)
    .map((role) => [role, special(values[role], role)] as const);
  const extra = [values.additional_special_tokens, values.extra_special_tokens]
    .flatMap((list) => Array.isArray(list) ? list : [])
    .map((value) => special(value, "additional_special_tokens"));
  return { named: Object.fromEntries(named), extra, numbered };
}

const PLAIN: AddedToken = {
  content: "",
  single_word: false,
  lstrip: false,
  rstrip: false,
  normalized: false,
  special: true,
};

/** A token that is found in the normalised text and has no role, as transformers reads those of `added_tokens.json`. */
export function plainToken(content: string): AddedToken {
  return { ...PLAIN, content, normalized: true, special: false };
}

function withoutNull(record: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(record).filter(([, value]) => value !== null));
}
