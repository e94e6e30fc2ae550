/* SPDX-License-Identifier: Apache-2.0 */
/* Typed access to a JSON document whose errors name the place as a JSON pointer (RFC 6901):
 * "config.json: /process/args/0: expected a string, found a number". */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "cli/cause.h"

/* A document and the memory of everything read from it. */
struct json_doc {
	const char *name; /* in messages: config.json, process.json */
	json_t *root;
	struct cause *cause; /* of the call that is running */
	void *blocks;	     /* arena */
};

/* A place in a document. Lives on the reader's stack; @up is its parent. */
struct json_at {
	struct json_doc *doc;
	json_t *v;
	const struct json_at *up;
	const char *key; /* NULL: element @index of an array */
	size_t index;
};

enum json_string_rule {
	JSON_ANY = 0,
	JSON_REQUIRED = 1,
	JSON_NOT_EMPTY = 2,
	JSON_ABSOLUTE = 4, /* a path that begins with / (when present and not empty) */
};

int json_doc_load(struct json_doc *doc, const char *name, const char *path, struct cause *cause);
int json_doc_parse(struct json_doc *doc, const char *name, const void *data, size_t len,
		   struct cause *cause);
void json_doc_fini(struct json_doc *doc);
void *json_alloc(struct json_doc *doc, size_t n, size_t size); /* zeroed; NULL: out of memory */

/* An error at this place; returns -EINVAL. */
int json_fail(const struct json_at *at, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* An error at member @key of @at. */
int json_fail_key(const struct json_at *at, const char *key, const char *fmt, ...)
	PRINTF_LIKE(3, 4);

/* Members of an object. A member that is absent or null leaves *@ret as it is and returns 0 (unless
 * required), a present one returns 1. Strings are borrowed from the document. */
int json_get_string(const struct json_at *at, const char *key, unsigned rules, const char **ret);
int json_get_bool(const struct json_at *at, const char *key, bool *ret);
int json_get_int(const struct json_at *at, const char *key, int64_t min, int64_t max, int64_t *ret);
int json_get_u32(const struct json_at *at, const char *key, uint32_t *ret);
int json_get_object(const struct json_at *at, const char *key, struct json_at *ret);
int json_get_array(const struct json_at *at, const char *key, struct json_at *ret);
/* An array of strings, NULL-terminated. */
int json_get_strings(const struct json_at *at, const char *key, unsigned rules,
		     const char *const **ret, size_t *ret_n);
/* Element of an array; it must be an object. */
int json_element(const struct json_at *array, size_t index, struct json_at *ret);

/* Writes @o in one piece. Returns 0 or a negative errno. */
int json_write(int fd, const json_t *o, size_t flags);
