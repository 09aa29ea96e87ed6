/* Gives pages of a file back that were mapped for a tensor. */
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>

/* A tensor's deallocator; `before` is how many bytes the mapping begins before the tensor. */
static void unmap(void *data, size_t length, void *before) {
  munmap((char *)data - (uintptr_t)before, length + (uintptr_t)before);
}

void *adt_unmap(void) { return (void *)unmap; }
