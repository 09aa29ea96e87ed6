/* Between the floating types. */
#include "cast.h"
#include "op.h"
#include "pool.h"
#include "rows.h"

/* Numbers of a task. */
#define BLOCK 65536

/* float16 to float, subnormal numbers and all. */
INLINE float one_from_half(uint16_t h) {
  uint32_t sign = (uint32_t)(h & 0x8000) << 16, bits = h & 0x7fff;
  float y;
  if (bits >= 0x7c00) bits = 0x7f800000 | (bits & 0x3ff) << 13;
  else if (bits >= 0x400) bits = (bits << 13) + (112u << 23);
  else {
    y = bits * 5.9604645e-8f; /* 2^-24 */
    memcpy(&bits, &y, 4);
  }
  bits |= sign;
  memcpy(&y, &bits, 4);
  return y;
}

INLINE vf load_half(const uint16_t *p) {
#if defined(__AVX512F__)
  return (vf)_mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)p));
#elif defined(__F16C__)
  return (vf)_mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)p));
#else
  vf y;
  for (int i = 0; i < LANES; i++) y[i] = one_from_half(p[i]);
  return y;
#endif
}

void cast_numbers(const void *x, int from, void *y, int to, int64_t count) {
  int64_t i = 0;
  for (; i + LANES <= count; i += LANES) {
    write_vf(y, to, i, from == TF_HALF ? load_half((const uint16_t *)x + i) : read_vf(x, from, i, LANES), LANES);
  }
  for (; i < count; i++) {
    float value = from == TF_HALF    ? one_from_half(((const uint16_t *)x)[i])
                  : from == TF_FLOAT ? ((const float *)x)[i]
                                     : one_from_bf16(((const bf16 *)x)[i]);
    if (to == TF_FLOAT) ((float *)y)[i] = value;
    else ((bf16 *)y)[i] = one_to_bf16(value);
  }
}

typedef struct {
  Tensor *x, *y;
} Cast;

static void task(void *argument, int64_t block) {
  const Cast *c = argument;
  int64_t from = block * BLOCK, count = c->x->size - from < BLOCK ? c->x->size - from : BLOCK;
  const char *x = (char *)c->x->data + from * bytes_of(c->x->type);
  cast_numbers(x, c->x->type, (char *)c->y->data + from * bytes_of(c->y->type), c->y->type, count);
}

static void compute(Call *call, const Attributes *attributes) {
  Cast c = {.x = input(call, 0)};
  if (call->failed) return;
  c.y = output_like(call, 0, c.x, attributes->type);
  if (!call->failed) parallel_for((c.x->size + BLOCK - 1) / BLOCK, task, &c);
}

const Op CAST = {
    .name = "AdtCast",
    .inputs = {"x: SrcT"},
    .outputs = {"y: U"},
    .types = {"SrcT", "U"},
    .compute = compute,
};
