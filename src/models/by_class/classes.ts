import { UserError } from "../../runtime/errors.ts";
import { cut } from "../../runtime/wording.ts";
import { classOf, type Config } from "../../weights/config.ts";
import { digitClassifier } from "../digit_classifier.ts";
import { type Dinov2, dinov2, dinov2WithRegisters } from "../dinov2/dinov2.ts";
import { efficientNetLite } from "../efficientnet_lite/efficientnet_lite.ts";
import { floats, type InputSpec, optional } from "../input_spec.ts";
import type { Model } from "../model.ts";
import { sd3Transformer2D } from "../sd3_transformer/sd3_transformer.ts";
import { DIFFUSERS_CLASSES } from "./diffusers.ts";
import type { ModelOutputs, NamedModel } from "./named_model.ts";
import { squeezeNet } from "../squeezenet/squeezenet.ts";
import { TRANSFORMERS_CLASSES } from "./transformers.ts";

const MODEL_CLASSES: Readonly<Record<string, (config: Config) => NamedModel>> = {
  DigitClassifier(config) {
    const model = digitClassifier(config), { image_size: side, in_channels } = model.config;
    return named(model, { images: floats("B", side, side, in_channels) }, (out) => ({ ...out }));
  },
  Dinov2Model: (config) => namedDinov2(dinov2(config)),
  Dinov2WithRegistersModel: (config) => namedDinov2(dinov2WithRegisters(config)),
  EfficientNetLite(config) {
    const model = efficientNetLite(config);
    const inputs = { pixel_values: floats("B", "H", "W", model.config.num_channels) };
    return named(model, inputs, (out) => ({ ...out }));
  },
  SqueezeNet(config) {
    const model = squeezeNet(config);
    const inputs = { pixel_values: floats("B", "H", "W", model.config.num_channels) };
    return named(model, inputs, (out) => ({ ...out }));
  },
  SD3Transformer2DModel(config) {
    const model = sd3Transformer2D(config), c = model.config;
    const inputs = {
      hidden_states: floats("B", "h", "w", c.in_channels),
      timestep: floats("B"),
      encoder_hidden_states: floats("B", "L", c.joint_attention_dim),
      pooled_projections: floats("B", c.pooled_projection_dim),
      last_token_counts: optional(floats("B")),
    };
    return named(model, inputs, (sample) => ({ sample }));
  },
  ...DIFFUSERS_CLASSES,
  ...TRANSFORMERS_CLASSES,
};

/**
 * The name of the PyTorch class that a `config.json` is for: `_class_name` (diffusers), the first of `architectures`
 * (transformers), or in older exports the one of `model_type`.
 *
 * @param where names the file in the error
 * @throws UserError when it names none
 */
export function classNameOf(config: Config, where: string): string {
  const name = classOf(config);
  if (name !== undefined) return name;
  throw new UserError(
    `${where} names no model class; expected _class_name (diffusers) or architectures (transformers)`,
  );
}

/**
 * Builds the network that a config describes.
 *
 * @param where names the file in the error
 * @throws UserError for a class that is not supported, and for config values that are not
 */
export function buildNamedModel(config: Config, where: string): NamedModel {
  const name = classNameOf(config, where);
  const build = Object.hasOwn(MODEL_CLASSES, name) ? MODEL_CLASSES[name] : undefined;
  if (build) return build(config);
  throw new UserError(
    `${where} is a config for ${cut(name)}, which is not supported; expected one of ${
      Object.keys(MODEL_CLASSES).join(", ")
    }`,
  );
}

function namedDinov2(model: Dinov2): NamedModel {
  const { num_channels } = model.config;
  return {
    declarations: model.declarations,
    inputs: {
      pixel_values: floats("B", "H", "W", num_channels),
      bool_masked_pos: optional(floats("B", "N")),
    },
    call(params, { pixel_values, bool_masked_pos }) {
      const out = model.forward(params, { pixel_values: pixel_values!, mask: bool_masked_pos });
      const pooler_output = out.last_hidden_state.slice([0, 0, 0], [-1, 1, -1]).squeeze([1]);
      return { last_hidden_state: out.last_hidden_state, pooler_output, hidden_states: out.hidden_states };
    },
  };
}

/** A model whose inputs have the names and shapes given, with its outputs named. */
function named<Inputs, Output>(
  { declarations, forward }: Pick<Model<unknown, Inputs, Output>, "declarations" | "forward">,
  inputs: Record<keyof Inputs & string, InputSpec>,
  outputs: (out: Output) => ModelOutputs,
): NamedModel {
  // checkInputs() has made sure that the record has what the specs name
  return { declarations, inputs, call: (params, given) => outputs(forward(params, given as Inputs)) };
}
