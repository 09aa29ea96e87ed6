/* Vectors of floats for any processor: GCC's and Clang's vector extensions, as wide as the machine's registers. */
#pragma once
#include <math.h>
#include <stdint.h>
#include <string.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

#if defined(__AVX512F__)
#define LANES 16
#else
#define LANES 8
#endif

typedef float vf __attribute__((vector_size(4 * LANES)));
typedef int32_t vi __attribute__((vector_size(4 * LANES)));
typedef float vf_loose __attribute__((vector_size(4 * LANES), aligned(4), may_alias));
typedef uint16_t bf16;
typedef bf16 vb_loose __attribute__((vector_size(2 * LANES), aligned(2), may_alias));
typedef uint32_t vu __attribute__((vector_size(4 * LANES)));

#define INLINE static inline __attribute__((always_inline))

INLINE vf splat(float x) { return x - (vf){}; }

INLINE vf load_float(const float *p) { return *(const vf_loose *)p; }
INLINE void store_float(float *p, vf x) { *(vf_loose *)p = x; }

INLINE vf load_bf16(const bf16 *p) {
  return (vf)(__builtin_convertvector(*(const vb_loose *)p, vu) << 16);
}

/* Rounds to nearest, ties to even; NaN stays NaN. */
INLINE void store_bf16(bf16 *p, vf x) {
  vu bits = (vu)x, rounded = (bits + 0x7fff + ((bits >> 16) & 1)) >> 16;
  vu nan = (vu)(x != x);
  *(vb_loose *)p = __builtin_convertvector((rounded & ~nan) | (0x7fc0 & nan), vb_loose);
}

INLINE float one_from_bf16(bf16 x) {
  uint32_t bits = (uint32_t)x << 16;
  float y;
  memcpy(&y, &bits, 4);
  return y;
}

INLINE bf16 one_to_bf16(float x) {
  uint32_t bits;
  memcpy(&bits, &x, 4);
  if (x != x) return 0x7fc0;
  return (bits + 0x7fff + ((bits >> 16) & 1)) >> 16;
}

/* The first n < LANES numbers at p, then zeros. */
INLINE vf load_some_float(const float *p, int64_t n) {
  vf x = {};
  memcpy(&x, p, 4 * n);
  return x;
}
INLINE void store_some_float(float *p, vf x, int64_t n) { memcpy(p, &x, 4 * n); }
INLINE vf load_some_bf16(const bf16 *p, int64_t n) {
  bf16 some[LANES] = {0};
  memcpy(some, p, 2 * n);
  return load_bf16(some);
}
INLINE void store_some_bf16(bf16 *p, vf x, int64_t n) {
  bf16 some[LANES];
  store_bf16(some, x);
  memcpy(p, some, 2 * n);
}

INLINE float sum_of(vf x) {
  float s = 0;
  for (int i = 0; i < LANES; i++) s += x[i];
  return s;
}

INLINE float max_of(vf x) {
  float m = x[0];
  for (int i = 1; i < LANES; i++) m = x[i] > m ? x[i] : m;
  return m;
}

INLINE vf choose(vi mask, vf yes, vf no) { return (vf)((mask & (vi)yes) | (~mask & (vi)no)); }

/* The larger and the smaller one; b where either is NaN. */
#if defined(__AVX512F__)
INLINE vf max_vf(vf a, vf b) { return (vf)_mm512_max_ps((__m512)a, (__m512)b); }
INLINE vf min_vf(vf a, vf b) { return (vf)_mm512_min_ps((__m512)a, (__m512)b); }
#elif defined(__AVX__)
INLINE vf max_vf(vf a, vf b) { return (vf)_mm256_max_ps((__m256)a, (__m256)b); }
INLINE vf min_vf(vf a, vf b) { return (vf)_mm256_min_ps((__m256)a, (__m256)b); }
#else
INLINE vf max_vf(vf a, vf b) { return choose(a > b, a, b); }
INLINE vf min_vf(vf a, vf b) { return choose(a < b, a, b); }
#endif

/* x·2^k for whole k from −126 to 127. */
INLINE vf scale_vf(vf x, vf k) {
#if defined(__AVX512F__)
  return (vf)_mm512_scalef_ps((__m512)x, (__m512)k);
#else
  return x * (vf)((vi)(k + 12583039.0f) << 23); /* 1.5·2^23 + 127: the exponent stands in the sum's last bits */
#endif
}

/* The nearest whole number to |x| < 2^22. */
INLINE vf round_vf(vf x) {
#if defined(__AVX512F__)
  return (vf)_mm512_roundscale_ps((__m512)x, 0);
#else
  return x + 12582912.0f - 12582912.0f;
#endif
}

/* e^x, wrong by 3e-7 of it at most, as e^r·2^k with |r| <= ln(2)/2; constant below -87.3 and above 88. NaN stays NaN. */
INLINE vf exp_vf(vf x) {
  vf clamped = min_vf(splat(88.0f), max_vf(splat(-87.33f), x));
  vf k = round_vf(clamped * 1.44269504f), r = clamped - k * 0.69314718f;
  vf p = splat(1.3814593e-3f); /* fitted to (e^r − 1 − r)/r², so that e^r is wrong by 3e-9 at most */
  p = p * r + 8.3687175e-3f;
  p = p * r + 4.1668389e-2f;
  p = p * r + 1.6666521e-1f;
  p = p * r + 4.9999994e-1f;
  p = p * r * r + r + 1.0f;
  return scale_vf(p, k);
}

INLINE vf sigmoid_vf(vf x) { return 1.0f / (1.0f + exp_vf(-x)); }

/* erf to 3 units in the last place: a rational function of degrees 9 and 12 (as in Eigen), ±1 from ±3.74 on. */
INLINE vf erf_vf(vf x) {
  const float end = 3.7439211627767994f;
  vf u = min_vf(splat(end), max_vf(splat(-end), x)), s = u * u, one = splat(1.0f);
  vf a = splat(2.2905065861350646e-4f);
  a = a * s + 3.4082910107109506e-3f;
  a = a * s + 5.0955695062380861e-2f;
  a = a * s + 1.8520832239976145e-1f;
  a = a * s + 1.128379143519084f;
  vf b = splat(-1.1791602954361697e-7f);
  b = b * s + 2.3547966471313185e-5f;
  b = b * s + 1.0179625278914885e-3f;
  b = b * s + 1.4070470171167667e-2f;
  b = b * s + 1.1098505178285362e-1f;
  b = b * s + 4.9746925110067538e-1f;
  b = b * s + 1.0f;
  return choose(x >= end, one, choose(x <= -end, -one, u * a / b));
}
