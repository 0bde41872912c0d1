/* What obmalloc.c takes from CPython's header of this name. */
typedef enum {
  PYMEM_ALLOCATOR_NOT_SET,
  PYMEM_ALLOCATOR_DEFAULT,
  PYMEM_ALLOCATOR_DEBUG,
  PYMEM_ALLOCATOR_MALLOC,
  PYMEM_ALLOCATOR_MALLOC_DEBUG,
  PYMEM_ALLOCATOR_PYMALLOC,
  PYMEM_ALLOCATOR_PYMALLOC_DEBUG
} PyMemAllocatorName;

struct _PyTraceMalloc_Config {
  int initialized;
};
#define _PyTraceMalloc_Config_INIT {0}

#define PYMEM_CLEANBYTE 0xCD
#define PYMEM_DEADBYTE 0xDD
#define PYMEM_FORBIDDENBYTE 0xFD
