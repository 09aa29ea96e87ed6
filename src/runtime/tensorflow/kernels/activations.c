/* SiLU, GELU, GEGLU and their gradients, each in one pass. */
#include "op.h"
#include "pool.h"
#include "rows.h"

/* Numbers of a task. */
#define BLOCK 16384

typedef struct {
  Tensor *x, *dy, *out;
  int64_t channels; /* of GEGLU's value */
} Activation;

INLINE vf normal_cdf(vf x) { return 0.5f + 0.5f * erf_vf(x * 0.70710678f); }
INLINE vf normal_density(vf x) { return 0.39894228f * exp_vf(-0.5f * x * x); }

INLINE vf silu(vf x) { return x * sigmoid_vf(x); }
INLINE vf silu_slope(vf x) {
  vf s = sigmoid_vf(x);
  return s + x * s * (1.0f - s);
}
INLINE vf gelu(vf x) { return x * normal_cdf(x); }
INLINE vf gelu_slope(vf x) { return normal_cdf(x) + x * normal_density(x); }

#define ELEMENTWISE(name, of_x)                                                                 \
  static void name##_task(void *argument, int64_t block) {                                      \
    const Activation *a = argument;                                                             \
    int64_t from = block * BLOCK, to = from + BLOCK < a->x->size ? from + BLOCK : a->x->size;   \
    for (int64_t i = from; i < to; i += LANES) {                                                \
      int64_t width = to - i < LANES ? to - i : LANES;                                          \
      vf x = read_vf(a->x->data, a->x->type, i, width);                                         \
      write_vf(a->out->data, a->out->type, i, of_x(x), width);                                  \
    }                                                                                           \
  }                                                                                             \
  static void name##_gradient_task(void *argument, int64_t block) {                             \
    const Activation *a = argument;                                                             \
    int64_t from = block * BLOCK, to = from + BLOCK < a->x->size ? from + BLOCK : a->x->size;   \
    for (int64_t i = from; i < to; i += LANES) {                                                \
      int64_t width = to - i < LANES ? to - i : LANES;                                          \
      vf x = read_vf(a->x->data, a->x->type, i, width);                                         \
      vf dy = read_vf(a->dy->data, a->dy->type, i, width);                                      \
      write_vf(a->out->data, a->out->type, i, dy * of_x##_slope(x), width);                     \
    }                                                                                           \
  }                                                                                             \
  static void name##_forward(Call *call, const Attributes *attributes) {                        \
    Activation a = {.x = input(call, 0)};                                                       \
    if (call->failed) return;                                                                   \
    a.out = output_like(call, 0, a.x, attributes->type);                                        \
    if (!call->failed) parallel_for((a.x->size + BLOCK - 1) / BLOCK, name##_task, &a);          \
  }                                                                                             \
  static void name##_backward(Call *call, const Attributes *attributes) {                       \
    (void)attributes;                                                                           \
    Activation a = {.x = input(call, 0), .dy = input(call, 1)};                                 \
    if (call->failed) return;                                                                   \
    a.out = output_like(call, 0, a.x, a.x->type);                                               \
    if (!call->failed) parallel_for((a.x->size + BLOCK - 1) / BLOCK, name##_gradient_task, &a); \
  }

ELEMENTWISE(silu, silu)
ELEMENTWISE(gelu, gelu)

static int64_t rows_of_task(const Activation *a) { return BLOCK / a->channels + 1; }

static void geglu_task(void *argument, int64_t block) {
  const Activation *a = argument;
  int64_t rows = a->x->size / a->channels / 2, from = block * rows_of_task(a), to = from + rows_of_task(a);
  for (int64_t r = from; r < to && r < rows; r++) {
    for (int64_t c = 0; c < a->channels; c += LANES) {
      int64_t width = a->channels - c < LANES ? a->channels - c : LANES, at = 2 * r * a->channels + c;
      vf value = read_vf(a->x->data, a->x->type, at, width);
      vf gate = read_vf(a->x->data, a->x->type, at + a->channels, width);
      write_vf(a->out->data, a->out->type, r * a->channels + c, value * gelu(gate), width);
    }
  }
}

static void geglu_gradient_task(void *argument, int64_t block) {
  const Activation *a = argument;
  int64_t rows = a->x->size / a->channels / 2, from = block * rows_of_task(a), to = from + rows_of_task(a);
  for (int64_t r = from; r < to && r < rows; r++) {
    for (int64_t c = 0; c < a->channels; c += LANES) {
      int64_t width = a->channels - c < LANES ? a->channels - c : LANES, at = 2 * r * a->channels + c;
      vf value = read_vf(a->x->data, a->x->type, at, width);
      vf gate = read_vf(a->x->data, a->x->type, at + a->channels, width);
      vf dy = read_vf(a->dy->data, a->dy->type, r * a->channels + c, width), cdf = normal_cdf(gate);
      write_vf(a->out->data, a->out->type, at, dy * gate * cdf, width);
      write_vf(a->out->data, a->out->type, at + a->channels, dy * value * (cdf + gate * normal_density(gate)), width);
    }
  }
}

static Activation opened_geglu(Call *call) {
  Activation a = {.x = input(call, 0)};
  if (call->failed) return a;
  if (!a.x->rank || a.x->shape[a.x->rank - 1] % 2) fail(call, "GEGLU takes x [...,2C]");
  else a.channels = a.x->shape[a.x->rank - 1] / 2;
  return a;
}

static void geglu_forward(Call *call, const Attributes *attributes) {
  Activation a = opened_geglu(call);
  if (call->failed) return;
  int64_t shape[8];
  memcpy(shape, a.x->shape, sizeof shape);
  shape[a.x->rank - 1] = a.channels;
  a.out = output(call, 0, attributes->type, a.x->rank, shape);
  if (!call->failed && a.x->size) {
    parallel_for(a.x->size / a.channels / 2 / rows_of_task(&a) + 1, geglu_task, &a);
  }
}

static void geglu_backward(Call *call, const Attributes *attributes) {
  (void)attributes;
  Activation a = opened_geglu(call);
  a.dy = input(call, 1);
  if (call->failed) return;
  a.out = output_like(call, 0, a.x, a.x->type);
  if (!call->failed && a.x->size) {
    parallel_for(a.x->size / a.channels / 2 / rows_of_task(&a) + 1, geglu_gradient_task, &a);
  }
}

#define OPS_OF(upper, text, function)          \
  const Op upper = {                           \
      .name = "Adt" text,                      \
      .inputs = {"x: T"},                      \
      .outputs = {"y: U"},                     \
      .types = {"T", "U"},                     \
      .compute = function##_forward,           \
  };                                           \
  const Op upper##_GRAD = {                    \
      .name = "Adt" text "Grad",               \
      .inputs = {"x: T", "dy: U"},             \
      .outputs = {"dx: T"},                    \
      .types = {"T", "U"},                     \
      .compute = function##_backward,          \
  };

OPS_OF(SILU, "Silu", silu)
OPS_OF(GELU, "Gelu", gelu)
OPS_OF(GEGLU, "Geglu", geglu)
