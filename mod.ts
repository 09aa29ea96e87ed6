/**
 * Adversarial diffusion tuning (ADT) for Deno: training primitives for scripts and notebooks.
 *
 * A diffusion model is trained on single denoising steps but used in long chains. ADT (Shen et al. 2025, arXiv 2504.11423)
 * runs the chain while tuning and judges its final image with a siamese discriminator. Everything here is a plain function
 * on tensors of `@tensorflow/tfjs`; start an engine first:
 *
 * ```ts
 * import { startEngine } from "./mod.ts";
 * const { description } = await startEngine({ backend: "wasm" });
 * console.log(description);
 * ```
 *
 * In a project of your own it is `import { tune } from "@adt/tuning"`; docs/module.md has the
 * `deno.json` and the permissions for that.
 * @module
 */

// Engines, randomness, memory
export { NotFiniteError, UserError } from "./src/runtime/errors.ts";
export type { Backend } from "./src/runtime/engine/backends.ts";
export { type EngineInfo, type EngineOptions, startEngine } from "./src/runtime/engine/engine.ts";
export { doctor, type DoctorReport, doctorText } from "./src/runtime/engine/doctor.ts";
export { type MemoryUse, memoryUse, peakTensors } from "./src/runtime/engine/memory.ts";
export { freeUnreachableTensors } from "./src/runtime/engine/unreachable.ts";
export {
  integer,
  normal,
  normalBatch,
  permutation,
  type RandomKey,
  type StepKey,
  uniform,
} from "./src/runtime/random.ts";

// Differentiation, compilation, flat weights
export { compile, type Compiled, type CompileOptions } from "./src/tensor/compile.ts";
export { type CompileEvent, onCompile } from "./src/tensor/compile_events.ts";
export { freshNormal, freshUniform } from "./src/tensor/fresh_random.ts";
export { type GradientOptions, valueAndGrad, type ValueAndGrads, vjp } from "./src/tensor/vjp.ts";
export { checkpointed } from "./src/tensor/checkpoint_gradient.ts";
export { checkpointingBlocks } from "./src/nn/checkpointing.ts";
export { flatten, type Layout, layoutOf, type Params, unflatten } from "./src/tensor/params.ts";
export { attention } from "./src/tensor/attention.ts";
export { gelu, silu } from "./src/tensor/activations.ts";
export { resize, type ResizeFilter } from "./src/tensor/resize.ts";
export { type Declaration, type Declarations, initParams, type Layer } from "./src/nn/declare.ts";
export { conv2d, groupNorm, layerNorm, linear } from "./src/nn/layers.ts";

// Models and their checkpoints
export type { Model } from "./src/models/model.ts";
export {
  type UNet2DCondition,
  unet2DCondition,
  type UNet2DConditionConfig,
  type UNetInputs,
  type UNetTextTimeInputs,
} from "./src/models/unet2d_condition/unet2d_condition.ts";
export {
  type AutoencoderKL,
  autoencoderKL,
  type AutoencoderKLConfig,
  type Posterior,
  samplePosterior,
  scaleLatents,
  unscaleLatents,
} from "./src/models/autoencoder_kl/autoencoder_kl.ts";
export { latentAutoencoder, type LatentOptions } from "./src/models/autoencoder_kl/latents.ts";
export { tiledDecode } from "./src/models/autoencoder_kl/tiles.ts";
export { loadAutoencoderKL } from "./src/models/autoencoder_kl/load.ts";
export { unetDenoiser } from "./src/models/unet2d_condition/denoiser.ts";
export { type Autoencoder, spaceToDepth } from "./src/models/autoencoder.ts";
export {
  type Dinov2,
  dinov2,
  type Dinov2Inputs,
  type Dinov2Outputs,
  dinov2WithRegisters,
} from "./src/models/dinov2/dinov2.ts";
export {
  type SD3Transformer,
  sd3Transformer2D,
  type SD3TransformerConfig,
  type SD3TransformerInputs,
} from "./src/models/sd3_transformer/sd3_transformer.ts";
export { sd3Denoiser } from "./src/models/sd3_transformer/denoiser.ts";
export {
  type InputSpec,
  type LoadedModel,
  loadModel,
  type ModelInputs,
  type ModelOutputs,
} from "./src/models/by_class/load_model.ts";
export {
  clipText,
  type ClipTextInputs,
  type ClipTextOutputs,
  type ClipTextProjectionOutputs,
  clipTextWithProjection,
} from "./src/models/clip/text.ts";
export { clipVisionWithProjection } from "./src/models/clip/vision.ts";
export { t5Encoder } from "./src/models/t5_encoder/t5_encoder.ts";
export { loadTokenizer } from "./src/text/load_tokenizer.ts";
export { checkTokenizer, type TokenBatch, type Tokenizer, tokenTensors } from "./src/text/tokenizer.ts";
export { fromNCHW, toNCHW } from "./src/models/image_layout.ts";
export { dinov2Features } from "./src/models/dinov2/features.ts";
export {
  type FeatureExtractor,
  imagenetNormalisation,
  type Normalisation,
} from "./src/models/feature_extractor.ts";
export { digitClassifier } from "./src/models/digit_classifier.ts";
export { loadDigitClassifier } from "./src/models/digit_classifier.ts";
export type { Backbone } from "./src/models/backbone.ts";
export { openBackbone } from "./src/models/by_class/open_backbone.ts";
export { loadDinov2Features } from "./src/models/dinov2/load.ts";
export type { Loaded } from "./src/models/loaded.ts";
export { loadUNet2DCondition } from "./src/models/unet2d_condition/load.ts";
export { type LoadOptions, loadParams, type SaveOptions, saveParams } from "./src/weights/checkpoint.ts";
export { type Config, readConfig } from "./src/weights/config.ts";
export { readTensors, writeTensors } from "./src/weights/safetensors.ts";

// Sampling
export type { Condition, Denoiser, PredictionType } from "./src/sampling/denoiser.ts";
export { alphaSigma, type NoiseSchedule, noiseSchedule } from "./src/sampling/noise_schedule.ts";
export { diffuse, predictionTarget } from "./src/sampling/prediction.ts";
export { ddim } from "./src/sampling/ddim.ts";
export { ddpm } from "./src/sampling/ddpm.ts";
export { dpmSolver } from "./src/sampling/dpm_solver.ts";
export { euler } from "./src/sampling/euler.ts";
export { eulerAncestral } from "./src/sampling/euler_ancestral.ts";
export { dynamicShift, flowMatchEuler } from "./src/sampling/flow_match_euler.ts";
export { type FlowSchedule, flowSchedule } from "./src/sampling/flow_schedule.ts";
export { heun } from "./src/sampling/heun.ts";
export { oneStep } from "./src/sampling/one_step.ts";
export { pndm } from "./src/sampling/pndm.ts";
export { loadSampler, samplerFromConfig, type SamplerOptions } from "./src/sampling/from_config.ts";
export { stepNoise } from "./src/sampling/step_noise.ts";
export {
  addNoise,
  advance,
  type Call,
  estimateX0,
  type NoiseLevel,
  type PastTerm,
  type Sampler,
  type SamplerStep,
  stepLinear,
} from "./src/sampling/sampler.ts";
export { coefficientsToEnd, type PathCoefficients } from "./src/sampling/coefficients.ts";
export { guided } from "./src/sampling/guidance.ts";
export {
  type PathStart,
  sample,
  type SampleOptions,
  samplePaths,
  type StepEvent,
} from "./src/sampling/sample.ts";

// Adversarial diffusion tuning
export { type BackwardPlan, drawPlan, type PlanSettings } from "./src/adt/backward_plan.ts";
export { drawStarts, type RollOut, rollOut, rollOuts, type RollOutStart } from "./src/adt/roll_out.ts";
export {
  type BackwardPath,
  type JointPullback,
  type Pullback,
  type TrainedCall,
  trajectoryGradient,
  trajectoryGradients,
} from "./src/adt/trajectory_gradient.ts";
export type { AdversarialLoss, ScoreKind } from "./src/adt/kinds.ts";
export {
  type DiscriminatorConfig,
  type TwinDiscriminator,
  twinDiscriminator,
} from "./src/adt/discriminator.ts";
export {
  adversarialLossAndGradient,
  type Adversary,
  type AugmentedImages,
  type DiscriminatorBatch,
  discriminatorLossAndGradient,
} from "./src/adt/discriminator_gradients.ts";
export {
  augment,
  type AugmentationSettings,
  augmentationTensors,
  digitsAugmentation,
  drawAugmentation,
  noAugmentation,
  photoAugmentation,
} from "./src/adt/augmentation.ts";
export { discriminatorLoss, generatorLoss, relativisticLoss } from "./src/adt/losses.ts";
export type { AdtBatch, AdtSettings, AdtSetup, AdtState } from "./src/adt/setup.ts";
export { type AdtFunctions, adtFunctions } from "./src/adt/functions.ts";
export { adversarialGradient } from "./src/adt/adversarial_gradient.ts";
export { type Reward, REWARD_KINDS } from "./src/adt/reward.ts";
export { adtStep, type AdtStepResult } from "./src/adt/step.ts";

// Training
export { adamw, type AdamWOptions, type Moments, stepScalars, zeroMoments } from "./src/training/adamw.ts";
export { emaDecay, emaUpdate } from "./src/training/ema.ts";
export { learningRate, type LearningRateSchedule } from "./src/training/schedules.ts";
export { type LoopOptions, type StepMetrics, trainingLoop } from "./src/training/loop.ts";
export { type DiffusionBatch, diffusionLoss } from "./src/training/diffusion_loss.ts";
export { drawDiffusionBatch } from "./src/training/diffusion_batch.ts";
export { minSnrWeights } from "./src/training/noise_levels.ts";
export { classTokens, dropLabels } from "./src/training/class_tokens.ts";
export { initialState, type TrainingState } from "./src/training/training_state.ts";
export { type DiffusionTraining, pretrainDiffusion } from "./src/training/pretrain_diffusion.ts";
export { type Checkpoint, loadCheckpoint, saveCheckpoint } from "./src/training/checkpoint.ts";
export { openRunFolder, type RunFolder } from "./src/training/run_folder.ts";
export { type MetricsRecord, openMetricsLog, readMetrics } from "./src/training/metrics_log.ts";

// Data
export { bundledPath } from "./src/data/bundled.ts";
export type { Batch, Dataset } from "./src/data/dataset.ts";
export { type Digits, digitsDataset, loadDigits } from "./src/data/digits.ts";
export {
  loadPictograms,
  type PictogramFacts,
  type Pictograms,
  pictogramsDataset,
  type PictogramSplit,
} from "./src/data/pictograms.ts";
export { captionsOf, type PictogramStyle, type PictogramWords } from "./src/data/pictogram_captions.ts";
export {
  type ImageFacts,
  type ImageFolder,
  imageFolder,
  type ImageFolderOptions,
} from "./src/data/image_folder.ts";
export { type Loader, makeLoader } from "./src/data/loader.ts";
export { cacheKey, openTensorCache, type TensorCache } from "./src/data/tensor_cache.ts";

// Metrics
export type { Features } from "./src/metrics/features/features.ts";
export {
  extractFeatures,
  extractOutputs,
  type ImageSource,
} from "./src/metrics/features/extract_features.ts";
export {
  crossedInterval,
  differences,
  type Estimate,
  relativeChanges,
} from "./src/metrics/statistics/crossed.ts";
export { evaluateFeatures, evaluateWithTerms, type ScoreTerms } from "./src/metrics/scores/evaluate.ts";
export type { Scores } from "./src/metrics/scores/scores.ts";
export { type Floor, measureFloor } from "./src/metrics/scores/floor.ts";
export { fid, frechetDistance } from "./src/metrics/distances/fid.ts";
export { kid } from "./src/metrics/distances/kid.ts";
export { manifoldScores } from "./src/metrics/distances/manifold.ts";
export { formatScores } from "./src/metrics/scores/format.ts";
export { type RocCurve, rocCurve } from "./src/metrics/statistics/roc.ts";
export { relativeChange, type Score } from "./src/metrics/statistics/score.ts";

// Display
export { show } from "./src/display/show.ts";
export { type Figure, lineFigure, scatterFigure, type Series } from "./src/display/figure.ts";
export {
  barFigure,
  type BarOptions,
  type BarSeries,
  histogramFigure,
  type Sample,
} from "./src/display/bar_figure.ts";
export { smoothed } from "./src/display/series.ts";
export { type Film, film, type FilmOptions } from "./src/display/film.ts";
export {
  type Playground,
  playground,
  type PlaygroundAxis,
  type PlaygroundOptions,
} from "./src/display/playground.ts";
export { type ImageGrid, imageGrid } from "./src/display/grid.ts";
export { mapGrid, type MapOptions } from "./src/display/maps.ts";
export { type Progress, progress } from "./src/display/progress.ts";
export { type Live, live, type LiveOptions } from "./src/display/live.ts";
export { stopSignal } from "./src/display/stop_signal.ts";

// Whole runs
export { loadConfig, parseConfig, stringifyConfig } from "./src/experiments/config/config.ts";
export { type TuneConfig, tuneSchema } from "./src/experiments/tune/config.ts";
export { prepareTuning } from "./src/experiments/tune/setup.ts";
export type { Tuning } from "./src/experiments/tune/tuning.ts";
export { tune, type TuneOptions, type TuneResult } from "./src/experiments/tune/tune.ts";
export { listRuns, type RunProgress, type RunSummary } from "./src/experiments/runs/list_runs.ts";
export { type PlotOptions, plotRuns } from "./src/experiments/plot/plot_runs.ts";
export {
  readValidation,
  validationFilm,
  validationFilms,
  type ValidationPictures,
} from "./src/experiments/generate/validation_pictures.ts";
export { generate, generatedImages, type Generator } from "./src/experiments/generate/generate.ts";
export type { LoraChoice } from "./src/experiments/generate/open_pipeline.ts";
export { samplePipeline, type SamplePipelineOptions } from "./src/experiments/generate/sample_pipeline.ts";
export {
  type GeneratorSource,
  type LoadedGenerator,
  loadGenerator,
} from "./src/experiments/generate/load_generator.ts";
export {
  type PipelineEvaluator,
  pipelineEvaluator,
  type PipelineResult,
} from "./src/experiments/evaluate/pipeline_evaluator.ts";
export { type PromptedReference, promptedReference } from "./src/experiments/evaluate/prompted_reference.ts";
export { digitsEvaluator, type Evaluator } from "./src/experiments/evaluate/evaluate.ts";
export {
  ablate,
  type AblateOptions,
  type AblateResult,
  type Findings,
} from "./src/experiments/ablate/ablate.ts";
export { armFigure, differenceFigure } from "./src/experiments/ablate/figures.ts";
export { armsGrid } from "./src/experiments/ablate/report_samples.ts";
export { type OpenedRun, openStudyRun } from "./src/experiments/ablate/open_run.ts";
export {
  type Arm,
  loadStudy,
  type Study,
  type StudyRun,
  type Variant,
} from "./src/experiments/ablate/study.ts";
export type { StudyInput } from "./src/experiments/ablate/study_config.ts";
export type { FailedRun } from "./src/experiments/ablate/failures.ts";
export type { ArmScore, Comparison, FinishedRun } from "./src/experiments/ablate/summary.ts";
export { type ReportData, writeReport } from "./src/experiments/report/report.ts";

// LoRA
export {
  type Lora,
  type LoraAdapter,
  loraAdapter,
  type LoraOptions,
  type LoraTarget,
  mergeLora,
  type MergeLoraOptions,
} from "./src/lora/adapter.ts";
export { ATTENTION_TARGETS, FEED_FORWARD_TARGETS, type LoraTargets } from "./src/lora/targets.ts";
export { LORA_FILE_NAME } from "./src/lora/lora_file.ts";
export { type Loras, writeLora, type WriteLoraOptions } from "./src/lora/write.ts";
export { readLora } from "./src/lora/read.ts";
export type { LoraComponent } from "./src/lora/components.ts";
export type { LoraNetworks } from "./src/lora/layer_names.ts";

// Pipelines in diffusers' layout
export { loadPipeline, type LoadPipelineOptions } from "./src/pipelines/load_pipeline.ts";
export type { Pipeline, PipelineSamplerOptions } from "./src/pipelines/pipeline.ts";
export type { GenerationOptions, SchedulerChange } from "./src/pipelines/generation_plan.ts";
export type { EncodedPrompts, PromptOptions, SizeCondition, Weights } from "./src/pipelines/prompts.ts";
export type { Network } from "./src/pipelines/network.ts";
export { type CachedLatents, cacheLatents } from "./src/pipelines/encoded_images.ts";
export { type CachedTexts, cacheTexts, type EncodingOptions } from "./src/pipelines/encoded_texts.ts";
export type { SamplingDefaults } from "./src/pipelines/architecture.ts";
export { findPipeline, type HubOptions } from "./src/pipelines/find_pipeline.ts";
export { type ConvertOptions, convertSingleFile } from "./src/pipelines/single_file/convert.ts";
export { hubCacheFolder } from "./src/pipelines/hub_cache.ts";
