/* Sum over all axes but the last: the gradient of a bias. */
#include "op.h"
#include "pool.h"
#include "rows.h"
#include <stdlib.h>

typedef struct {
  Tensor *x, *y;
  int64_t rows, channels, up, blocks; /* `up`: channels, rounded up to whole vectors */
  float *partial;                     /* [blocks,up] */
} Sum;

static void task(void *argument, int64_t block) {
  const Sum *s = argument;
  float *sums = s->partial + block * s->up;
  memset(sums, 0, 4 * s->up);
  for (int64_t r = s->rows * block / s->blocks; r < s->rows * (block + 1) / s->blocks; r++) {
    EACH_VECTOR(c, width, s->channels) {
      store_float(sums + c, load_float(sums + c) + read_vf(s->x->data, s->x->type, r * s->channels + c, width));
    }
  }
}

static void compute(Call *call, const Attributes *attributes) {
  (void)attributes;
  Sum s = {.x = input(call, 0)};
  if (call->failed) return;
  if (!s.x->rank) return fail(call, "a sum to the last axis takes x [...,C]");
  s.channels = s.x->shape[s.x->rank - 1];
  s.rows = s.channels ? s.x->size / s.channels : 0;
  s.up = (s.channels + LANES - 1) / LANES * LANES;
  int64_t most = s.x->size / 16384, wanted = 4 * cores();
  s.blocks = most < 1 ? 1 : most < wanted ? most : wanted;
  s.y = output(call, 0, TF_FLOAT, 1, &s.channels);
  s.partial = scratch(call, s.blocks * s.up);
  if (!call->failed) {
    parallel_for(s.blocks, task, &s);
    for (int64_t c = 0; c < s.channels; c++) {
      double sum = 0;
      for (int64_t block = 0; block < s.blocks; block++) sum += s.partial[block * s.up + c];
      ((float *)s.y->data)[c] = sum;
    }
  }
  free(s.partial);
}

const Op CHANNEL_SUM = {
    .name = "AdtChannelSum",
    .inputs = {"x: T"},
    .outputs = {"y: float"},
    .types = {"T"},
    .compute = compute,
};
