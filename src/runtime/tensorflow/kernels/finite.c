/* Whether numbers are finite: one pass over their bits, by all cores. */
#include "cast.h"
#include "pool.h"
#include <stdatomic.h>

/* Numbers of a task. */
#define BLOCK 262144

enum { TF_FLOAT8_E5M2 = 24, TF_FLOAT8_E4M3 = 25 };

typedef struct {
  const char *numbers;
  int64_t count;
  int type;
  atomic_int broken;
} Check;

/* Whether all bits of the mask are set in any number: a float's exponent, in infinities and NaN. */
#define ANY_SET(TYPE, MASK)                                                                                          \
  for (int64_t i = 0; i < count; i++) set |= (((const TYPE *)x)[i] & (MASK)) == (MASK)

static void task(void *argument, int64_t block) {
  Check *c = argument;
  int64_t begin = block * BLOCK, count = c->count - begin < BLOCK ? c->count - begin : BLOCK;
  const char *x = c->numbers + begin * bytes_of(c->type);
  int set = 0;
  switch (c->type) {
  case TF_FLOAT:
    ANY_SET(uint32_t, 0x7f800000u);
    break;
  case TF_BFLOAT16:
    ANY_SET(uint16_t, 0x7f80);
    break;
  case TF_HALF:
    ANY_SET(uint16_t, 0x7c00);
    break;
  case TF_FLOAT8_E5M2:
    ANY_SET(uint8_t, 0x7c);
    break;
  case TF_FLOAT8_E4M3: /* it has no infinities, and one NaN of each sign */
    ANY_SET(uint8_t, 0x7f);
    break;
  }
  if (set) c->broken = 1;
}

/* 1 if all numbers of a tensor's memory are finite, as those of other types than floats always are. */
int32_t adt_finite(const void *numbers, int64_t count, int32_t type) {
  Check c = {.numbers = numbers, .count = count, .type = type};
  parallel_for((count + BLOCK - 1) / BLOCK, task, &c);
  return !c.broken;
}
