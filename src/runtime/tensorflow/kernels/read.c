/* Numbers of a file, read and cast by all cores, straight to where they stay. */
#include "cast.h"
#include "pool.h"
#include <fcntl.h>
#include <stdatomic.h>
#include <unistd.h>

/* Numbers of a task: what is read is cast while it is in the core's cache. */
#define BLOCK 131072

typedef struct {
  int file, from, to;
  int64_t offset, count;
  char *out;
  atomic_int failed;
} Reading;

static int read_all(int file, char *to, int64_t bytes, int64_t offset) {
  while (bytes > 0) {
    ssize_t done = pread(file, to, bytes, offset);
    if (done <= 0) return 0;
    to += done;
    offset += done;
    bytes -= done;
  }
  return 1;
}

static void task(void *argument, int64_t block) {
  Reading *r = argument;
  int64_t begin = block * BLOCK, count = r->count - begin < BLOCK ? r->count - begin : BLOCK;
  int64_t bytes = count * bytes_of(r->from), offset = r->offset + begin * bytes_of(r->from);
  char *out = r->out + begin * bytes_of(r->to);
  if (r->from == r->to) {
    if (!read_all(r->file, out, bytes, offset)) r->failed = 1;
    return;
  }
  float *memory = task_memory(BLOCK);
  if (!memory || !read_all(r->file, (char *)memory, bytes, offset)) r->failed = 1;
  else cast_numbers(memory, r->from, out, r->to, count);
  end_task_memory();
}

/* Reads `count` numbers of type `from` that begin at this byte of a file; 0 if they are there. */
int32_t adt_read(const char *path, int64_t offset, int64_t count, int32_t from, int32_t to, void *out) {
  Reading r = {.file = open(path, O_RDONLY), .from = from, .to = to, .offset = offset, .count = count, .out = out};
  if (r.file < 0) return -1;
  parallel_for((count + BLOCK - 1) / BLOCK, task, &r);
  close(r.file);
  return r.failed ? -1 : 0;
}
