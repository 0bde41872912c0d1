/* A component with strings in and out.  A function owns the strings that it takes; those that it
 * returns are freed by its cabi_post_ function. */
#include <pymalloc_component.h>
#include <stdint.h>
#include <string.h>

#define EXPORT(name) __attribute__((export_name(name)))

struct string {
  char *bytes;
  size_t length;
};
static struct string result; /* where the host reads it */

static struct string *give(char *bytes, size_t length) {
  if (!bytes) __builtin_trap(); /* there is no memory */
  result = (struct string){bytes, length};
  return &result;
}

EXPORT("shout") struct string *shout(char *text, size_t length) {
  for (size_t i = 0; i < length; i++)
    if (text[i] >= 'a' && text[i] <= 'z') text[i] -= 'a' - 'A';
  return give(text, length); /* the same block goes back */
}

EXPORT("repeat") struct string *repeat(char *text, size_t length, uint32_t times) {
  const uint64_t bytes = (uint64_t)length * times;
  char *all = bytes > UINT32_MAX ? NULL : cabi_realloc(NULL, 0, 1, (size_t)bytes);
  for (uint32_t i = 0; all && i < times; i++) memcpy(all + i * length, text, length);
  pym_component_free(text, length);
  return give(all, (size_t)bytes);
}

static void free_string(struct string *string) {
  pym_component_free(string->bytes, string->length);
}
EXPORT("cabi_post_shout") void free_shout(struct string *string) { free_string(string); }
EXPORT("cabi_post_repeat") void free_repeat(struct string *string) { free_string(string); }
