import type { Config } from "../../weights/config.ts";
import {
  bigClipConfig,
  clipConfig,
  type DeriveConfig,
  mmditConfig,
  openClipConfig,
  t5Config,
  unetConfig,
  vaeConfig,
} from "./derived_configs.ts";
import { DENOISER, type FamilyName } from "./family.ts";
import {
  clipPlaces,
  mmditPlaces,
  openClipPlaces,
  type Places,
  t5Places,
  unetPlaces,
  vaePlaces,
} from "./places.ts";

/** A component of a pipeline that a single file holds. */
export interface Component {
  /** Folder in diffusers' layout. */
  folder: string;
  library: "diffusers" | "transformers";
  className: string;
  /** Before the names of its weights in the single file. */
  prefix: string;
  places: Places;
  config: DeriveConfig;
  /** Folder of the tokenizer that goes with it. */
  tokenizer?: string;
  /** What fills up short texts; of CLIP's tokenizers. */
  padToken?: string;
  /** A pipeline can do without it. */
  optional?: true;
}

/** A family of pipelines in single files. */
export interface Family {
  className: string;
  components: readonly Component[];
  scheduler: Config;
  /** Further values of `model_index.json`. */
  index: Config;
}

const END = "<|endoftext|>";

const VAE = diffusers("vae", "AutoencoderKL", "first_stage_model.", vaePlaces, vaeConfig);
const UNET = diffusers("unet", "UNet2DConditionModel", DENOISER, unetPlaces, unetConfig);

/** What the schedulers of all Stable Diffusions up to SDXL have in common, as published; other classes read it too. */
const SCHEDULER = {
  beta_start: 0.00085,
  beta_end: 0.012,
  beta_schedule: "scaled_linear",
  num_train_timesteps: 1000,
  clip_sample: false,
  set_alpha_to_one: false,
  skip_prk_steps: true,
  steps_offset: 1,
  trained_betas: null,
};

/** The families with the settings that their authors published in diffusers' layout. */
export const FAMILIES: Readonly<Record<FamilyName, Family>> = {
  sd15: {
    className: "StableDiffusionPipeline",
    components: [
      UNET,
      VAE,
      clip("", "CLIPTextModel", "cond_stage_model.transformer."),
    ],
    scheduler: { _class_name: "PNDMScheduler", ...SCHEDULER },
    index: {},
  },
  sdxl: {
    className: "StableDiffusionXLPipeline",
    components: [
      UNET,
      VAE,
      clip("", "CLIPTextModel", "conditioner.embedders.0.transformer."),
      {
        ...clip("_2", "CLIPTextModelWithProjection", "conditioner.embedders.1.model."),
        places: openClipPlaces,
        config: openClipConfig,
        padToken: "!",
      },
    ],
    scheduler: {
      _class_name: "EulerDiscreteScheduler",
      ...SCHEDULER,
      interpolation_type: "linear",
      prediction_type: "epsilon",
      timestep_spacing: "leading",
      use_karras_sigmas: false,
    },
    index: { force_zeros_for_empty_prompt: true },
  },
  sd3: {
    className: "StableDiffusion3Pipeline",
    components: [
      diffusers("transformer", "SD3Transformer2DModel", DENOISER, mmditPlaces, mmditConfig),
      VAE,
      clip("", "CLIPTextModelWithProjection", "text_encoders.clip_l.transformer."),
      {
        ...clip("_2", "CLIPTextModelWithProjection", "text_encoders.clip_g.transformer."),
        config: bigClipConfig,
        padToken: "!",
      },
      {
        folder: "text_encoder_3",
        library: "transformers",
        className: "T5EncoderModel",
        prefix: "text_encoders.t5xxl.transformer.",
        places: t5Places,
        config: t5Config,
        tokenizer: "tokenizer_3",
        optional: true,
      },
    ],
    scheduler: { _class_name: "FlowMatchEulerDiscreteScheduler", num_train_timesteps: 1000, shift: 3 },
    index: {},
  },
};

function diffusers(
  folder: string,
  className: string,
  prefix: string,
  places: Places,
  config: DeriveConfig,
): Component {
  return { folder, library: "diffusers", className, prefix, places, config };
}

function clip(
  suffix: "" | "_2",
  className: "CLIPTextModel" | "CLIPTextModelWithProjection",
  prefix: string,
): Component {
  return {
    folder: `text_encoder${suffix}`,
    library: "transformers",
    className,
    prefix,
    places: clipPlaces,
    config: clipConfig(className),
    tokenizer: `tokenizer${suffix}`,
    padToken: END,
  };
}
