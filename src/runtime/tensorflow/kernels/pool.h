/* Work that is shared by the processor's cores. */
#pragma once
#include <stdint.h>

/* Runs task(argument, i) for i in 0…count−1, on this thread and on those that are idle; returns when all are done. */
void parallel_for(int64_t count, void (*task)(void *argument, int64_t i), void *argument);

/* How many tasks can run at a time. */
int64_t cores(void);

/* Memory for one task at a time on this thread, or 0; the thread keeps it, for new pages cost more than what is done in them. */
float *task_memory(int64_t floats);
/* Ends its use; more than is worth keeping is freed. */
void end_task_memory(void);
