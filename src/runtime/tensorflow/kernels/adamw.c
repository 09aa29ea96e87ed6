/* One AdamW update (Loshchilov & Hutter 2019, algorithm 2) of a flat vector, clipped by its global norm. */
#include "norm.h"
#include "op.h"
#include "pool.h"
#include "rows.h"

/* Numbers of a task. */
#define BLOCK 65536

typedef struct {
  Tensor *weights, *first, *second, *grad, *scalars;
  Tensor *new_weights, *new_first, *new_second, *norm;
  const float *settings; /* 1 − β₁, 1 − β₂, ε, weight decay, largest norm */
  float factor;
} Update;

static int64_t end_of(const Update *u, int64_t block) {
  int64_t end = (block + 1) * BLOCK;
  return end < u->weights->size ? end : u->weights->size;
}

INLINE vf sqrt_vf(vf x) {
#if defined(__AVX512F__)
  return (vf)_mm512_sqrt_ps((__m512)x);
#elif defined(__AVX__)
  return (vf)_mm256_sqrt_ps((__m256)x);
#else
  for (int i = 0; i < LANES; i++) x[i] = sqrtf(x[i]);
  return x;
#endif
}

static void update_task(void *argument, int64_t block) {
  const Update *u = argument;
  const float *s = u->settings, *scalars = u->scalars->data;
  for (int64_t i = block * BLOCK; i < end_of(u, block); i += LANES) {
    int64_t width = end_of(u, block) - i < LANES ? end_of(u, block) - i : LANES;
    vf w = read_vf(u->weights->data, TF_FLOAT, i, width), g = read_vf(u->grad->data, TF_FLOAT, i, width) * u->factor;
    vf m = read_vf(u->first->data, TF_FLOAT, i, width) * (1 - s[0]) + g * s[0];
    vf v = read_vf(u->second->data, TF_FLOAT, i, width) * (1 - s[1]) + g * g * s[1];
    vf direction = m * scalars[1] / (sqrt_vf(v * scalars[2]) + s[2]);
    write_vf(u->new_first->data, TF_FLOAT, i, m, width);
    write_vf(u->new_second->data, TF_FLOAT, i, v, width);
    write_vf(u->new_weights->data, TF_FLOAT, i, w - (direction + w * s[3]) * scalars[0], width);
  }
}

/* A gradient without a finite norm changes nothing. */
static void keep(const Update *u) {
  memcpy(u->new_weights->data, u->weights->data, 4 * u->weights->size);
  memcpy(u->new_first->data, u->first->data, 4 * u->weights->size);
  memcpy(u->new_second->data, u->second->data, 4 * u->weights->size);
}

static void compute(Call *call, const Attributes *attributes) {
  Update u = {.weights = input(call, 0), .first = input(call, 1), .second = input(call, 2), .grad = input(call, 3),
              .scalars = input(call, 4), .settings = attributes->f};
  if (call->failed) return;
  int64_t size = u.weights->size, blocks = (size + BLOCK - 1) / BLOCK;
  if (u.first->size != size || u.second->size != size || u.grad->size != size || u.scalars->size != 3) {
    fail(call, "AdamW takes weights, two moments and a gradient of one length, and three numbers");
    return;
  }
  u.new_weights = output_like(call, 0, u.weights, TF_FLOAT);
  u.new_first = output_like(call, 1, u.first, TF_FLOAT);
  u.new_second = output_like(call, 2, u.second, TF_FLOAT);
  u.norm = output(call, 3, TF_FLOAT, 0, 0);
  if (call->failed) return;
  float norm = norm_of(call, u.grad), factor = u.settings[4] / (norm + 1e-12f);
  *(float *)u.norm->data = norm;
  u.factor = factor < 1 ? factor : 1;
  if (isfinite(norm)) parallel_for(blocks, update_task, &u);
  else keep(&u);
}

const Op ADAMW = {
    .name = "AdtAdamW",
    .inputs = {"weights: float", "first: float", "second: float", "grad: float", "scalars: float"},
    .outputs = {"new_weights: float", "new_first: float", "new_second: float", "norm: float"},
    .floats = {"rest1", "rest2", "eps", "weight_decay", "clip_norm"},
    .compute = compute,
};
