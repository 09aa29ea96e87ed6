#include "norm.h"
#include "pool.h"
#include "rows.h"
#include <stdlib.h>

/* Numbers of a task. */
#define BLOCK 65536

typedef struct {
  const Tensor *x;
  double *squares; /* of each block */
} Squares;

static void squares_task(void *argument, int64_t block) {
  const Squares *s = argument;
  int64_t end = (block + 1) * BLOCK < s->x->size ? (block + 1) * BLOCK : s->x->size;
  double sum = 0;
  for (int64_t from = block * BLOCK; from < end; from += 1024) {
    int64_t to = from + 1024 < end ? from + 1024 : end;
    vf squares = splat(0);
    for (int64_t i = from; i < to; i += LANES) {
      vf x = read_vf(s->x->data, TF_FLOAT, i, to - i < LANES ? to - i : LANES);
      squares += x * x;
    }
    sum += sum_of(squares);
  }
  s->squares[block] = sum;
}

float norm_of(Call *call, const Tensor *x) {
  int64_t blocks = (x->size + BLOCK - 1) / BLOCK;
  Squares s = {.x = x, .squares = (double *)scratch(call, 2 * blocks + 2)};
  double sum = 0;
  if (!call->failed) {
    parallel_for(blocks, squares_task, &s);
    for (int64_t i = 0; i < blocks; i++) sum += s.squares[i];
  }
  free(s.squares);
  return sqrt(sum);
}

static void compute(Call *call, const Attributes *attributes) {
  (void)attributes;
  Tensor *x = input(call, 0);
  if (call->failed) return;
  Tensor *norm = output(call, 0, TF_FLOAT, 0, 0);
  if (!call->failed) *(float *)norm->data = norm_of(call, x);
}

const Op NORM = {
    .name = "AdtNorm",
    .inputs = {"x: float"},
    .outputs = {"norm: float"},
    .compute = compute,
};
