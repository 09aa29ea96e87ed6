/* Sums of two tensors with factors, in one pass and without temporary tensors. */
#include "op.h"
#include "pool.h"
#include "rows.h"

/* Numbers of a task. */
#define BLOCK 65536

typedef struct {
  Tensor *x, *z, *y;
  float a, b;
} Combination;

static void combine_task(void *argument, int64_t block) {
  const Combination *c = argument;
  int64_t from = block * BLOCK, to = from + BLOCK < c->x->size ? from + BLOCK : c->x->size;
  for (int64_t i = from; i < to; i += LANES) {
    int64_t width = to - i < LANES ? to - i : LANES;
    vf x = read_vf(c->x->data, TF_FLOAT, i, width), z = read_vf(c->z->data, TF_FLOAT, i, width);
    write_vf(c->y->data, TF_FLOAT, i, c->a * x + c->b * z, width);
  }
}

/* From x to z where they differ; exactly x where they do not. */
static void lerp_task(void *argument, int64_t block) {
  const Combination *c = argument;
  int64_t from = block * BLOCK, to = from + BLOCK < c->x->size ? from + BLOCK : c->x->size;
  for (int64_t i = from; i < to; i += LANES) {
    int64_t width = to - i < LANES ? to - i : LANES;
    vf x = read_vf(c->x->data, TF_FLOAT, i, width), z = read_vf(c->z->data, TF_FLOAT, i, width);
    write_vf(c->y->data, TF_FLOAT, i, x + c->a * (z - x), width);
  }
}

/* Inputs x, z, a and, if there are two factors, b. */
static void compute(Call *call, int factors, void (*task)(void *, int64_t)) {
  Combination c = {.x = input(call, 0), .z = input(call, 1)};
  Tensor *a = input(call, 2), *b = factors == 2 ? input(call, 3) : a;
  if (call->failed) return;
  if (c.x->size != c.z->size || a->size != 1 || b->size != 1) {
    fail(call, "a sum takes two tensors of one size, and numbers");
    return;
  }
  c.a = *(float *)a->data;
  c.b = *(float *)b->data;
  c.y = output_like(call, 0, c.x, TF_FLOAT);
  if (!call->failed) parallel_for((c.x->size + BLOCK - 1) / BLOCK, task, &c);
}

static void combine(Call *call, const Attributes *attributes) {
  (void)attributes;
  compute(call, 2, combine_task);
}

static void lerp(Call *call, const Attributes *attributes) {
  (void)attributes;
  compute(call, 1, lerp_task);
}

const Op COMBINE = {
    .name = "AdtCombine",
    .inputs = {"x: float", "z: float", "a: float", "b: float"},
    .outputs = {"y: float"},
    .compute = combine,
};

const Op LERP = {
    .name = "AdtLerp",
    .inputs = {"x: float", "z: float", "a: float"},
    .outputs = {"y: float"},
    .compute = lerp,
};
