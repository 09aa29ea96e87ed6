/* Attention and its gradient without the scores in memory: one head at a time, some queries against all keys, so that the
 * scores of these queries stay in a core's cache (Rabe & Staats 2021, "Self-attention does not need O(n²) memory"). */
#include "op.h"
#include "pool.h"
#include "rows.h"
#include <stdlib.h>

/* Rows of a tile of a matrix product: with 2 vectors of columns it fills the registers. */
#define ROWS (LANES == 16 ? 8 : 4)
#define COLUMNS (2 * LANES)
#define MOST_ROWS 64
static int64_t round_up(int64_t n, int64_t to) { return (n + to - 1) / to * to; }

/* c[ROWS][width·LANES] (+)= Σ_k a(i,k)·b[k][…]; a(i,k) lies at a[i·ai + k·ak]. */
INLINE void tile(float *c, int64_t ldc, const float *a, int64_t ai, int64_t ak, const float *b, int64_t ldb,
                 int64_t depth, int add, const int width) {
  vf sum[ROWS][2];
  for (int i = 0; i < ROWS; i++) {
    for (int j = 0; j < width; j++) sum[i][j] = add ? load_float(c + i * ldc + j * LANES) : splat(0);
  }
  for (int64_t k = 0; k < depth; k++) {
    vf row[2];
    for (int j = 0; j < width; j++) row[j] = load_float(b + k * ldb + j * LANES);
    for (int i = 0; i < ROWS; i++) {
      vf factor = splat(a[i * ai + k * ak]);
      for (int j = 0; j < width; j++) sum[i][j] += factor * row[j];
    }
  }
  for (int i = 0; i < ROWS; i++) {
    for (int j = 0; j < width; j++) store_float(c + i * ldc + j * LANES, sum[i][j]);
  }
}

/* c[rows][columns] (+)= a·b; rows in whole ROWS, columns in whole LANES. b's columns j… begin at b[j·bj];
 * ldb = 0: its rows are as long as the tile is wide. */
static void product(float *c, int64_t ldc, int64_t rows, int64_t columns, const float *a, int64_t ai, int64_t ak,
                    const float *b, int64_t ldb, int64_t bj, int64_t depth, int add) {
  for (int64_t j = 0; j < columns; j += COLUMNS) {
    for (int64_t i = 0; i < rows; i += ROWS) {
      float *to = c + i * ldc + j;
      if (columns - j >= COLUMNS) tile(to, ldc, a + i * ai, ai, ak, b + j * bj, ldb ? ldb : COLUMNS, depth, add, 2);
      else tile(to, ldc, a + i * ai, ai, ak, b + j * bj, ldb ? ldb : LANES, depth, add, 1);
    }
  }
}

/* q [B,N,heads·d], k and v [B,M,heads·d] */
typedef struct {
  Tensor *q, *k, *v, *bias, *y, *dy;      /* bias may be 0: [B,heads,N,M], each size may be 1 */
  Tensor *out, *dq, *dk, *dv;
  int64_t batch, heads, queries, keys, d; /* of one head: d channels */
  int64_t keys_up, d_up;                  /* in whole vectors */
  int64_t pitch;                          /* from one row of scores to the next: no power of two, which caches dislike */
  int64_t rows;                           /* queries at a time: keys and values are read once for all of them */
  int64_t slices;                         /* parts of the queries of one head that are tasks of their own */
  float scale;
  float *partial;                         /* dK and dV of each slice, where there are several */
  int out_of_memory;
} Attention;

static int64_t slice_length(const Attention *a) { return round_up((a->queries + a->slices - 1) / a->slices, a->rows); }

/* The transpose of one head, zeros beyond the keys: panels of COLUMNS keys, each [d][COLUMNS]. */
static void read_transposed(float *to, const Attention *a, const Tensor *x, int64_t b, int64_t h) {
  float row[a->d];
  memset(to, 0, 4 * a->d * a->keys_up);
  for (int64_t m = 0; m < a->keys; m++) {
    read_row(row, x->data, x->type, ((b * a->keys + m) * a->heads + h) * a->d, a->d, 1);
    float *panel = to + m / COLUMNS * COLUMNS * a->d + m % COLUMNS;
    for (int64_t j = 0; j < a->d; j++) panel[j * COLUMNS] = row[j];
  }
}

/* to[i][d_up] = factor·x[from + i] of one head, zeros beyond its d channels and beyond the last row. */
static void read_head(float *to, const Attention *a, const Tensor *x, int64_t b, int64_t h, int64_t from, int64_t rows,
                      float factor) {
  int64_t length = x->shape[1];
  memset(to, 0, 4 * rows * a->d_up);
  for (int64_t i = 0; i < rows && from + i < length; i++) {
    read_row(to + i * a->d_up, x->data, x->type, ((b * length + from + i) * a->heads + h) * a->d, a->d, factor);
  }
}

/* One head, zeros beyond its channels and keys: panels of COLUMNS channels, each [keys_up][COLUMNS]. */
static void read_panels(float *to, const Attention *a, const Tensor *x, int64_t b, int64_t h) {
  float row[a->d_up];
  memset(to, 0, 4 * a->keys_up * a->d_up);
  memset(row, 0, sizeof row);
  for (int64_t m = 0; m < a->keys; m++) {
    read_row(row, x->data, x->type, ((b * a->keys + m) * a->heads + h) * a->d, a->d, 1);
    for (int64_t j = 0; j < a->d_up; j += COLUMNS) {
      int64_t width = a->d_up - j < COLUMNS ? LANES : COLUMNS;
      memcpy(to + j * a->keys_up + m * width, row + j, 4 * width);
    }
  }
}

static void write_head(const Attention *a, Tensor *x, int64_t b, int64_t h, int64_t from, int64_t rows, const float *y,
                       float factor) {
  int64_t length = x->shape[1];
  for (int64_t i = 0; i < rows && from + i < length; i++) {
    write_row(x->data, x->type, ((b * length + from + i) * a->heads + h) * a->d, y + i * a->d_up, a->d, factor);
  }
}

/* scores[rows][pitch] = softmax(q·kᵀ + bias) up to the factors 1/sum, which it gives. */
static void exponentials(const Attention *a, float *scores, float *inverse, const float *q, const float *kt, int64_t b,
                         int64_t h, int64_t from, int64_t rows) {
  product(scores, a->pitch, rows, a->keys_up, q, a->d_up, 1, kt, COLUMNS, a->d, a->d, 0);
  for (int64_t i = 0; i < rows; i++) {
    float *row = scores + i * a->pitch;
    if (a->bias && from + i < a->queries) {
      const int64_t *s = a->bias->shape;
      const float *bias = (const float *)a->bias->data +
                          (((s[0] == 1 ? 0 : b) * s[1] + (s[1] == 1 ? 0 : h)) * s[2] + (s[2] == 1 ? 0 : from + i)) * s[3];
      for (int64_t m = 0; m < a->keys; m++) row[m] += bias[s[3] == 1 ? 0 : m];
    }
    for (int64_t m = a->keys; m < a->keys_up; m++) row[m] = -INFINITY;
    vf most[2] = {load_float(row), load_float(row + LANES)}, sum[2] = {};
    for (int64_t m = COLUMNS; m < a->keys_up; m += COLUMNS) {
      for (int j = 0; j < 2; j++) most[j] = max_vf(most[j], load_float(row + m + j * LANES));
    }
    vf shift = splat(max_of(max_vf(most[0], most[1])));
    for (int64_t m = 0; m < a->keys_up; m += COLUMNS) {
      for (int j = 0; j < 2; j++) {
        vf e = exp_vf(load_float(row + m + j * LANES) - shift);
        sum[j] += e;
        store_float(row + m + j * LANES, e);
      }
    }
    inverse[i] = 1 / sum_of(sum[0] + sum[1]);
  }
}

static void forward_task(void *argument, int64_t index) {
  Attention *a = argument;
  int64_t slice = index % a->slices, h = index / a->slices % a->heads, b = index / a->slices / a->heads;
  int64_t start = slice * slice_length(a), end = start + slice_length(a);
  if (end > a->queries) end = a->queries;
  int64_t floats = a->d * a->keys_up + a->keys_up * a->d_up + a->rows * (a->pitch + 2 * a->d_up);
  float *memory = task_memory(floats);
  if (!memory) {
    a->out_of_memory = 1;
    return;
  }
  float *kt = memory, *v = kt + a->d * a->keys_up, *scores = v + a->keys_up * a->d_up,
        *q = scores + a->rows * a->pitch, *y = q + a->rows * a->d_up, inverse[MOST_ROWS];
  read_transposed(kt, a, a->k, b, h);
  read_panels(v, a, a->v, b, h);
  for (int64_t from = start; from < end; from += a->rows) {
    read_head(q, a, a->q, b, h, from, a->rows, a->scale);
    exponentials(a, scores, inverse, q, kt, b, h, from, a->rows);
    product(y, a->d_up, a->rows, a->d_up, scores, a->pitch, 1, v, 0, a->keys_up, a->keys, 0);
    for (int64_t i = 0; i < a->rows; i++) write_head(a, a->out, b, h, from + i, 1, y + i * a->d_up, inverse[i]);
  }
  end_task_memory();
}

static void backward_task(void *argument, int64_t index) {
  Attention *a = argument;
  int64_t slice = index % a->slices, h = index / a->slices % a->heads, b = index / a->slices / a->heads;
  int64_t start = slice * slice_length(a), end = start + slice_length(a);
  if (end > a->queries) end = a->queries;
  int64_t transposed = a->d * a->keys_up, plain = a->keys_up * a->d_up;
  int64_t floats = 2 * transposed + 3 * plain + a->rows * (2 * a->pitch + 4 * a->d_up);
  float *memory = task_memory(floats);
  if (!memory) {
    a->out_of_memory = 1;
    return;
  }
  float *kt = memory, *vt = kt + transposed, *k = vt + transposed, *own = k + plain;
  float *sums = a->partial ? a->partial + index * 2 * plain : own, *dk = sums, *dv = sums + plain;
  float *p = own + 2 * plain, *ds = p + a->rows * a->pitch, *q = ds + a->rows * a->pitch;
  float *dy = q + a->rows * a->d_up, *y = dy + a->rows * a->d_up, *dq = y + a->rows * a->d_up, inverse[MOST_ROWS];
  read_transposed(kt, a, a->k, b, h);
  read_transposed(vt, a, a->v, b, h);
  read_panels(k, a, a->k, b, h);
  memset(sums, 0, 8 * plain);
  for (int64_t from = start; from < end; from += a->rows) {
    read_head(q, a, a->q, b, h, from, a->rows, a->scale);
    read_head(dy, a, a->dy, b, h, from, a->rows, 1);
    read_head(y, a, a->y, b, h, from, a->rows, 1);
    exponentials(a, p, inverse, q, kt, b, h, from, a->rows);
    product(ds, a->pitch, a->rows, a->keys_up, dy, a->d_up, 1, vt, COLUMNS, a->d, a->d, 0);
    for (int64_t i = 0; i < a->rows; i++) {
      vf along = splat(0), factor = splat(inverse[i]);
      for (int64_t j = 0; j < a->d_up; j += LANES) along += load_float(dy + i * a->d_up + j) * load_float(y + i * a->d_up + j);
      vf offset = splat(sum_of(along)); /* Σ_m p·∂L/∂p */
      float *row = p + i * a->pitch, *drow = ds + i * a->pitch;
      for (int64_t m = 0; m < a->keys_up; m += LANES) {
        vf probability = load_float(row + m) * factor;
        store_float(row + m, probability);
        store_float(drow + m, probability * (load_float(drow + m) - offset));
      }
    }
    product(dv, a->d_up, a->keys_up, a->d_up, p, 1, a->pitch, dy, a->d_up, 1, a->rows, 1);
    product(dk, a->d_up, a->keys_up, a->d_up, ds, 1, a->pitch, q, a->d_up, 1, a->rows, 1);
    product(dq, a->d_up, a->rows, a->d_up, ds, a->pitch, 1, k, 0, a->keys_up, a->keys, 0);
    write_head(a, a->dq, b, h, from, a->rows, dq, a->scale);
  }
  if (!a->partial) {
    write_head(a, a->dk, b, h, 0, a->keys, dk, 1);
    write_head(a, a->dv, b, h, 0, a->keys, dv, 1);
  }
  end_task_memory();
}

/* Adds up what the slices of a head gave. */
static void join_task(void *argument, int64_t index) {
  Attention *a = argument;
  int64_t plain = a->keys_up * a->d_up;
  float *first = a->partial + index * a->slices * 2 * plain;
  for (int64_t s = 1; s < a->slices; s++) {
    for (int64_t i = 0; i < 2 * plain; i++) first[i] += first[s * 2 * plain + i];
  }
  write_head(a, a->dk, index / a->heads, index % a->heads, 0, a->keys, first, 1);
  write_head(a, a->dv, index / a->heads, index % a->heads, 0, a->keys, first + plain, 1);
}

static int bias_fits(const Attention *a) {
  const int64_t sizes[] = {a->batch, a->heads, a->queries, a->keys}, *s = a->bias->shape;
  for (int i = 0; i < 4; i++) {
    if (s[i] != 1 && s[i] != sizes[i]) return 0;
  }
  return a->bias->rank == 4;
}

static Attention opened(Call *call, const Attributes *attributes, int with_bias) {
  Attention a = {.q = input(call, 0), .k = input(call, 1), .v = input(call, 2)};
  if (with_bias) a.bias = input(call, 3);
  if (call->failed) return a;
  a.heads = attributes->i[0];
  a.scale = attributes->f[0];
  if (a.q->rank != 3 || a.k->rank != 3 || a.v->rank != 3 || a.heads < 1 || a.q->shape[2] % a.heads ||
      a.k->shape[0] != a.q->shape[0] || a.k->shape[2] != a.q->shape[2] || a.v->shape[0] != a.q->shape[0] ||
      a.v->shape[1] != a.k->shape[1] || a.v->shape[2] != a.q->shape[2]) {
    fail(call, "attention takes q [B,N,heads·d], k and v [B,M,heads·d]");
    return a;
  }
  a.batch = a.q->shape[0];
  a.queries = a.q->shape[1];
  a.keys = a.k->shape[1];
  a.d = a.q->shape[2] / a.heads;
  a.keys_up = round_up(a.keys, COLUMNS);
  a.d_up = round_up(a.d, LANES);
  a.pitch = a.keys_up + LANES;
  a.rows = a.d <= 64 ? 16 : a.d <= 160 ? 32 : MOST_ROWS;
  if (a.bias && !bias_fits(&a)) fail(call, "attention takes a bias [B,heads,N,M], each size may be 1");
  return a;
}

/* Tasks for all cores, and not much fewer queries than a head has: each task reads all keys. */
static int64_t slices_for(const Attention *a, int64_t tasks) {
  int64_t wanted = (tasks + a->batch * a->heads - 1) / (a->batch * a->heads), most = (a->queries + 63) / 64;
  return wanted < most ? wanted : most;
}

/* Where there is no query or no key, all results are 0. */
static int empty(const Attention *a) {
  if (a->q->size && a->k->size) return 0;
  Tensor *const results[] = {a->out, a->dq, a->dk, a->dv};
  for (int i = 0; i < 4; i++) {
    if (results[i]) memset(results[i]->data, 0, (results[i]->type == TF_BFLOAT16 ? 2 : 4) * results[i]->size);
  }
  return 1;
}

static void run(Call *call, Attention *a, int64_t tasks, void (*task)(void *, int64_t)) {
  if (call->failed) return;
  parallel_for(tasks, task, a);
  if (a->out_of_memory) fail(call, "attention: out of memory");
}

static void compute_forward(Call *call, const Attributes *attributes, int with_bias) {
  Attention a = opened(call, attributes, with_bias);
  a.out = output_like(call, 0, a.q, a.q->type);
  if (call->failed || empty(&a)) return;
  a.slices = slices_for(&a, 4 * cores());
  run(call, &a, a.batch * a.heads * a.slices, forward_task);
}

static void plain_forward(Call *call, const Attributes *attributes) { compute_forward(call, attributes, 0); }
static void biased_forward(Call *call, const Attributes *attributes) { compute_forward(call, attributes, 1); }

static void compute_backward(Call *call, const Attributes *attributes, int with_bias) {
  Attention a = opened(call, attributes, with_bias);
  a.y = input(call, 3 + with_bias);
  a.dy = input(call, 4 + with_bias);
  a.dq = output_like(call, 0, a.q, a.q->type);
  a.dk = output_like(call, 1, a.k, a.k->type);
  a.dv = output_like(call, 2, a.v, a.v->type);
  if (call->failed || empty(&a)) return;
  a.slices = slices_for(&a, cores());
  int64_t heads = a.batch * a.heads;
  if (a.slices > 1) a.partial = scratch(call, heads * a.slices * 2 * a.keys_up * a.d_up);
  run(call, &a, heads * a.slices, backward_task);
  if (a.partial) run(call, &a, heads, join_task);
  free(a.partial);
}

static void plain_backward(Call *call, const Attributes *attributes) { compute_backward(call, attributes, 0); }
static void biased_backward(Call *call, const Attributes *attributes) { compute_backward(call, attributes, 1); }

const Op ATTENTION = {
    .name = "AdtAttention",
    .inputs = {"q: T", "k: T", "v: T"},
    .outputs = {"y: T"},
    .types = {"T"},
    .floats = {"scale"},
    .ints = {"heads"},
    .compute = plain_forward,
};

const Op BIASED_ATTENTION = {
    .name = "AdtBiasedAttention",
    .inputs = {"q: T", "k: T", "v: T", "bias: float"},
    .outputs = {"y: T"},
    .types = {"T"},
    .floats = {"scale"},
    .ints = {"heads"},
    .compute = biased_forward,
};

const Op ATTENTION_GRAD = {
    .name = "AdtAttentionGrad",
    .inputs = {"q: T", "k: T", "v: T", "y: T", "dy: T"},
    .outputs = {"dq: T", "dk: T", "dv: T"},
    .types = {"T"},
    .floats = {"scale"},
    .ints = {"heads"},
    .compute = plain_backward,
};

/* The bias is a constant: it gets no gradient. */
const Op BIASED_ATTENTION_GRAD = {
    .name = "AdtBiasedAttentionGrad",
    .inputs = {"q: T", "k: T", "v: T", "bias: float", "y: T", "dy: T"},
    .outputs = {"dq: T", "dk: T", "dv: T"},
    .types = {"T"},
    .floats = {"scale"},
    .ints = {"heads"},
    .compute = biased_backward,
};
