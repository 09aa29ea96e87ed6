/* Group normalisation of [B,H,W,C] with SiLU behind it, and its gradient; each goes through x twice. */
#include "op.h"
#include "pool.h"
#include "rows.h"
#include <stdlib.h>

/* Pixels whose squares are summed about their own mean, so that nothing is lost where the mean is large. */
#define CHUNK 16

typedef struct {
  Tensor *x, *scale, *shift, *mean, *inv, *y; /* mean and inv: [B,G,1] */
  Tensor *dy, *dx, *dscale, *dshift;
  int64_t batch, pixels, channels, up, groups, in_group, slices;
  int silu;
  float eps;
  float *partial; /* [B,slices,2,up]: of each slice's pixels, two numbers a channel */
  float *factors; /* [B,4,up]: of each sample, up to four numbers a channel */
} Norm;

static void range(const Norm *n, int64_t index, int64_t *from, int64_t *to) {
  int64_t slice = index % n->slices;
  *from = n->pixels * slice / n->slices;
  *to = n->pixels * (slice + 1) / n->slices;
}

/* Each channel's mean, and the sum of squares about it. */
static void moments_task(void *argument, int64_t index) {
  const Norm *n = argument;
  int64_t from, to, row = index / n->slices * n->pixels;
  range(n, index, &from, &to);
  float *mean = n->partial + 2 * index * n->up, *squares = mean + n->up, own[n->up];
  memset(mean, 0, 8 * n->up);
  for (int64_t start = from; start < to; start += CHUNK) {
    int64_t end = start + CHUNK < to ? start + CHUNK : to;
    float before = start - from, count = end - start, all = before + count;
    EACH_VECTOR(c, width, n->channels) {
      vf sum = splat(0);
      for (int64_t p = start; p < end; p++) sum += read_vf(n->x->data, n->x->type, (row + p) * n->channels + c, width);
      store_float(own + c, sum / count);
    }
    EACH_VECTOR(c, width, n->channels) {
      vf centre = load_float(own + c), sum = splat(0), difference = centre - load_float(mean + c);
      for (int64_t p = start; p < end; p++) {
        vf d = read_vf(n->x->data, n->x->type, (row + p) * n->channels + c, width) - centre;
        sum += d * d;
      }
      store_float(squares + c, load_float(squares + c) + sum + difference * difference * (before * count / all));
      store_float(mean + c, load_float(mean + c) + difference * (count / all));
    }
  }
}

/* Each group's mean and 1/√(variance + ε) from those of the slices' channels. */
static void join_moments(const Norm *n) {
  for (int64_t b = 0; b < n->batch; b++) {
    for (int64_t g = 0; g < n->groups; g++) {
      double mean = 0, squares = 0, count = 0;
      for (int64_t s = 0; s < n->slices; s++) {
        int64_t from, to, index = b * n->slices + s;
        range(n, index, &from, &to);
        const float *m = n->partial + 2 * index * n->up, *q = m + n->up;
        double pixels = to - from;
        if (pixels == 0) continue;
        for (int64_t c = g * n->in_group; c < (g + 1) * n->in_group; c++) {
          double difference = m[c] - mean, all = count + pixels;
          squares += q[c] + difference * difference * count * pixels / all;
          mean += difference * pixels / all;
          count = all;
        }
      }
      ((float *)n->mean->data)[b * n->groups + g] = mean;
      ((float *)n->inv->data)[b * n->groups + g] = 1 / sqrt(squares / count + n->eps);
    }
  }
}

/* slope and offset with which z = x·slope + offset */
static void affine(const Norm *n, int64_t b, float *slope, float *offset) {
  const float *scale = n->scale->data, *shift = n->shift->data;
  const float *mean = (float *)n->mean->data + b * n->groups, *inv = (float *)n->inv->data + b * n->groups;
  for (int64_t c = 0; c < n->channels; c++) {
    int64_t g = c / n->in_group;
    slope[c] = inv[g] * scale[c];
    offset[c] = shift[c] - mean[g] * slope[c];
  }
}

static void apply_task(void *argument, int64_t index) {
  const Norm *n = argument;
  int64_t from, to, b = index / n->slices, row = b * n->pixels;
  range(n, index, &from, &to);
  float slope[n->up], offset[n->up];
  affine(n, b, slope, offset);
  for (int64_t p = from; p < to; p++) {
    EACH_VECTOR(c, width, n->channels) {
      int64_t at = (row + p) * n->channels + c;
      vf z = read_vf(n->x->data, n->x->type, at, width) * load_float(slope + c) + load_float(offset + c);
      if (n->silu) z *= sigmoid_vf(z);
      write_vf(n->y->data, n->y->type, at, z, width);
    }
  }
}

/* ∂L/∂z from x and dy */
INLINE vf inner_gradient(const Norm *n, int64_t at, int64_t width, vf x, vf slope, vf offset) {
  vf dy = read_vf(n->dy->data, n->dy->type, at, width);
  if (!n->silu) return dy;
  vf z = x * slope + offset, s = sigmoid_vf(z);
  return dy * (s + z * s * (1.0f - s));
}

/* Each channel's Σ dz and Σ dz·(x − mean) */
static void sums_task(void *argument, int64_t index) {
  const Norm *n = argument;
  int64_t from, to, b = index / n->slices, row = b * n->pixels;
  range(n, index, &from, &to);
  float *sum = n->partial + 2 * index * n->up, *along = sum + n->up, slope[n->up], offset[n->up], mean[n->up];
  affine(n, b, slope, offset);
  for (int64_t c = 0; c < n->channels; c++) mean[c] = ((float *)n->mean->data)[b * n->groups + c / n->in_group];
  memset(sum, 0, 8 * n->up);
  for (int64_t p = from; p < to; p++) {
    EACH_VECTOR(c, width, n->channels) {
      int64_t at = (row + p) * n->channels + c;
      vf x = read_vf(n->x->data, n->x->type, at, width);
      vf dz = inner_gradient(n, at, width, x, load_float(slope + c), load_float(offset + c));
      store_float(sum + c, load_float(sum + c) + dz);
      store_float(along + c, load_float(along + c) + dz * (x - load_float(mean + c)));
    }
  }
}

/* Gradients of scale and shift; of each sample, the factors a and b with dx = dz·slope + x·a + b. */
static void join_sums(const Norm *n) {
  float *dscale = n->dscale->data, *dshift = n->dshift->data;
  memset(dscale, 0, 4 * n->channels);
  memset(dshift, 0, 4 * n->channels);
  double count = n->pixels * n->in_group;
  for (int64_t b = 0; b < n->batch; b++) {
    float *slope = n->factors + 4 * b * n->up, *offset = slope + n->up, *of_x = offset + n->up, *constant = of_x + n->up;
    affine(n, b, slope, offset);
    for (int64_t g = 0; g < n->groups; g++) {
      double of_group = 0, along_group = 0, mean = ((float *)n->mean->data)[b * n->groups + g];
      double inv = ((float *)n->inv->data)[b * n->groups + g];
      for (int64_t c = g * n->in_group; c < (g + 1) * n->in_group; c++) {
        double sum = 0, along = 0, scale = ((float *)n->scale->data)[c];
        for (int64_t s = 0; s < n->slices; s++) {
          const float *sums = n->partial + 2 * (b * n->slices + s) * n->up;
          sum += sums[c];
          along += sums[n->up + c];
        }
        dshift[c] += sum;
        dscale[c] += along * inv;
        of_group += sum * scale;
        along_group += along * scale;
      }
      double a = -along_group * inv * inv * inv / count, k = -of_group * inv / count - a * mean;
      for (int64_t c = g * n->in_group; c < (g + 1) * n->in_group; c++) of_x[c] = a, constant[c] = k;
    }
  }
}

static void gradient_task(void *argument, int64_t index) {
  const Norm *n = argument;
  int64_t from, to, b = index / n->slices, row = b * n->pixels;
  range(n, index, &from, &to);
  const float *slope = n->factors + 4 * b * n->up, *offset = slope + n->up, *of_x = offset + n->up,
              *constant = of_x + n->up;
  for (int64_t p = from; p < to; p++) {
    EACH_VECTOR(c, width, n->channels) {
      int64_t at = (row + p) * n->channels + c;
      vf x = read_vf(n->x->data, n->x->type, at, width), factor = load_float(slope + c);
      vf dz = inner_gradient(n, at, width, x, factor, load_float(offset + c));
      write_vf(n->dx->data, n->dx->type, at, dz * factor + x * load_float(of_x + c) + load_float(constant + c), width);
    }
  }
}

static Norm opened(Call *call, const Attributes *attributes) {
  Norm n = {.x = input(call, 0), .scale = input(call, 1), .shift = input(call, 2)};
  if (call->failed) return n;
  n.groups = attributes->i[0];
  n.silu = attributes->i[1];
  n.eps = attributes->f[0];
  if (n.x->rank != 4 || n.groups < 1 || n.x->shape[3] % n.groups || n.scale->size != n.x->shape[3] ||
      n.shift->size != n.x->shape[3]) {
    fail(call, "group normalisation takes x [B,H,W,C] of whole groups, scale and shift [C]");
    return n;
  }
  n.batch = n.x->shape[0];
  n.pixels = n.x->shape[1] * n.x->shape[2];
  n.channels = n.x->shape[3];
  n.up = (n.channels + LANES - 1) / LANES * LANES;
  n.in_group = n.channels / n.groups;
  int64_t wanted = (2 * cores() + n.batch - 1) / (n.batch ? n.batch : 1), most = n.pixels * n.channels / 8192 + 1;
  n.slices = wanted < most ? wanted : most;
  n.partial = scratch(call, n.batch * n.slices * 2 * n.up);
  return n;
}

static void forward(Call *call, const Attributes *attributes) {
  Norm n = opened(call, attributes);
  if (call->failed) return;
  int64_t groups[] = {n.batch, n.groups, 1};
  n.y = output_like(call, 0, n.x, attributes->type);
  n.mean = output(call, 1, TF_FLOAT, 3, groups);
  n.inv = output(call, 2, TF_FLOAT, 3, groups);
  if (!call->failed) {
    parallel_for(n.batch * n.slices, moments_task, &n);
    join_moments(&n);
    parallel_for(n.batch * n.slices, apply_task, &n);
  }
  free(n.partial);
}

static void backward(Call *call, const Attributes *attributes) {
  Norm n = opened(call, attributes);
  n.mean = input(call, 3);
  n.inv = input(call, 4);
  n.dy = input(call, 5);
  if (!call->failed) n.dx = output_like(call, 0, n.x, n.x->type);
  if (!call->failed) n.dscale = output_like(call, 1, n.scale, TF_FLOAT);
  if (!call->failed) n.dshift = output_like(call, 2, n.shift, TF_FLOAT);
  n.factors = scratch(call, n.batch * 4 * n.up);
  if (!call->failed) {
    parallel_for(n.batch * n.slices, sums_task, &n);
    join_sums(&n);
    parallel_for(n.batch * n.slices, gradient_task, &n);
  }
  free(n.factors);
  free(n.partial);
}

const Op GROUP_NORM = {
    .name = "AdtGroupNorm",
    .inputs = {"x: T", "scale: float", "shift: float"},
    .outputs = {"y: U", "mean: float", "inv: float"},
    .types = {"T", "U"},
    .floats = {"eps"},
    .ints = {"groups", "silu"},
    .compute = forward,
};

const Op GROUP_NORM_GRAD = {
    .name = "AdtGroupNormGrad",
    .inputs = {"x: T", "scale: float", "shift: float", "mean: float", "inv: float", "dy: U"},
    .outputs = {"dx: T", "dscale: float", "dshift: float"},
    .types = {"T", "U"},
    .floats = {"eps"},
    .ints = {"groups", "silu"},
    .compute = backward,
};
