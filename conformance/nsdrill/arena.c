/* SPDX-License-Identifier: Apache-2.0 */
/* Memory that is freed all at once. */
#include "nsdrill/arena.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK_BYTES 16384

struct arena_chunk {
	struct arena_chunk *next;
	size_t used, size;
	_Alignas(16) char data[];
};

void *arena_alloc(struct arena *a, size_t len)
{
	size_t need = (len + 15) & ~(size_t)15;
	struct arena_chunk *chunk = a->head;

	if (!chunk || chunk->size - chunk->used < need) {
		size_t size = need > CHUNK_BYTES ? need : CHUNK_BYTES;

		chunk = malloc(sizeof(*chunk) + size);
		if (!chunk)
			abort();
		*chunk = (struct arena_chunk){.next = a->head, .size = size};
		a->head = chunk;
	}

	void *ret = chunk->data + chunk->used;

	chunk->used += need;
	return memset(ret, 0, len);
}

char *arena_strndup(struct arena *a, const char *s, size_t len)
{
	char *ret = arena_alloc(a, len + 1);

	memcpy(ret, s, len);
	return ret;
}

char *arena_printf(struct arena *a, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	int len = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (len < 0)
		abort();

	char *ret = arena_alloc(a, (size_t)len + 1);

	va_start(ap, fmt);
	vsnprintf(ret, (size_t)len + 1, fmt, ap);
	va_end(ap);
	return ret;
}

void arena_fini(struct arena *a)
{
	while (a->head) {
		struct arena_chunk *chunk = a->head;

		a->head = chunk->next;
		free(chunk);
	}
}
