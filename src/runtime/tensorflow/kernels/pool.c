#include "pool.h"
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

/* One job at a time is shared. TensorFlow may run two kernels at once: the second one then works alone. */
static struct {
  pthread_mutex_t in_use, lock;
  pthread_cond_t work, done;
  void (*task)(void *, int64_t);
  void *argument;
  int64_t count;
  atomic_llong next;
  atomic_llong round;  /* of the job that is shared */
  atomic_int open;     /* helpers may still join */
  atomic_int working;  /* helpers that have joined */
} pool = {.in_use = PTHREAD_MUTEX_INITIALIZER,
          .lock = PTHREAD_MUTEX_INITIALIZER,
          .work = PTHREAD_COND_INITIALIZER,
          .done = PTHREAD_COND_INITIALIZER};
static pthread_once_t started = PTHREAD_ONCE_INIT;
static int64_t core_count = 1;

static void take_tasks(void) {
  for (;;) {
    int64_t i = atomic_fetch_add(&pool.next, 1);
    if (i >= pool.count) return;
    pool.task(pool.argument, i);
  }
}

/* Looks so many times before it sleeps: to be woken takes longer than most kernels do. Other threads may go first each time. */
#define LOOKS 200

static int has_work(int64_t seen) { return atomic_load(&pool.open) && atomic_load(&pool.round) != seen; }

static void *help(void *unused) {
  (void)unused;
  int64_t seen = 0;
  for (;;) {
    for (int i = 0; i < LOOKS && !has_work(seen); i++) sched_yield();
    pthread_mutex_lock(&pool.lock);
    while (!has_work(seen)) pthread_cond_wait(&pool.work, &pool.lock);
    seen = atomic_load(&pool.round);
    atomic_fetch_add(&pool.working, 1);
    pthread_mutex_unlock(&pool.lock);
    take_tasks();
    pthread_mutex_lock(&pool.lock);
    if (atomic_fetch_sub(&pool.working, 1) == 1) pthread_cond_signal(&pool.done);
    pthread_mutex_unlock(&pool.lock);
  }
  return 0;
}

static void start(void) {
  long online = sysconf(_SC_NPROCESSORS_ONLN);
  core_count = online < 1 ? 1 : online > 64 ? 64 : online;
  for (int64_t i = 1; i < core_count; i++) {
    pthread_t thread;
    if (pthread_create(&thread, 0, help, 0)) break;
    pthread_detach(thread);
  }
}

int64_t cores(void) {
  pthread_once(&started, start);
  return core_count;
}

void parallel_for(int64_t count, void (*task)(void *, int64_t), void *argument) {
  if (count < 2 || cores() < 2 || pthread_mutex_trylock(&pool.in_use)) {
    for (int64_t i = 0; i < count; i++) task(argument, i);
    return;
  }
  pthread_mutex_lock(&pool.lock);
  pool.task = task;
  pool.argument = argument;
  pool.count = count;
  atomic_store(&pool.next, 0);
  atomic_fetch_add(&pool.round, 1);
  atomic_store(&pool.open, 1);
  for (int64_t i = 1; i < count && i < cores(); i++) pthread_cond_signal(&pool.work);
  pthread_mutex_unlock(&pool.lock);
  take_tasks();
  pthread_mutex_lock(&pool.lock);
  atomic_store(&pool.open, 0);
  pthread_mutex_unlock(&pool.lock);
  for (int i = 0; i < LOOKS && atomic_load(&pool.working); i++) sched_yield();
  pthread_mutex_lock(&pool.lock);
  while (atomic_load(&pool.working)) pthread_cond_wait(&pool.done, &pool.lock);
  pthread_mutex_unlock(&pool.lock);
  pthread_mutex_unlock(&pool.in_use);
}

/* 16 MB */
#define KEPT (1 << 22)

static __thread float *memory;
static __thread int64_t memory_floats;

float *task_memory(int64_t floats) {
  if (floats > memory_floats) {
    free(memory);
    memory = aligned_alloc(64, (4 * floats + 63) / 64 * 64);
    memory_floats = memory ? floats : 0;
  }
  return memory;
}

void end_task_memory(void) {
  if (memory_floats <= KEPT) return;
  free(memory);
  memory = 0;
  memory_floats = 0;
}
