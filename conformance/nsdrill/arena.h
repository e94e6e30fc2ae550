/* SPDX-License-Identifier: Apache-2.0 */
/* Memory that is freed all at once. Allocation failure ends the program: this is a test tool. */
#pragma once

#include <stddef.h>

struct arena_chunk;
struct arena {
	struct arena_chunk *head;
};

/* Zeroed, aligned for anything. */
void *arena_alloc(struct arena *a, size_t len);
char *arena_strndup(struct arena *a, const char *s, size_t len);
char *arena_printf(struct arena *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void arena_fini(struct arena *a);
