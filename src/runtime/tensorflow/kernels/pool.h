/* Work that is shared by the processor's cores. */
#pragma once
#include <stdint.h>

/* Runs task(argument, i) for i in 0…count−1, on this thread and on those that are idle; returns when all are done. */
void parallel_for(int64_t count, void (*task)(void *argument, int64_t i), void *argument);

/* How many tasks can run at a time. */
int64_t cores(void);
