/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/json.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_DOCUMENT (16u << 20)

struct block {
	struct block *next;
	max_align_t data[];
};

void *json_alloc(struct json_doc *doc, size_t n, size_t size)
{
	size_t total;
	struct block *b;

	if (__builtin_mul_overflow(n, size, &total))
		return NULL;
	b = calloc(1, sizeof(*b) + total);
	if (!b)
		return NULL;
	b->next = doc->blocks;
	doc->blocks = b;
	return b->data;
}

void json_doc_fini(struct json_doc *doc)
{
	for (struct block *b = doc->blocks, *next; b; b = next) {
		next = b->next;
		free(b);
	}
	json_decref(doc->root);
	*doc = (struct json_doc){0};
}

static const char *type_name(const json_t *v)
{
	switch (json_typeof(v)) {
	case JSON_OBJECT:
		return "an object";
	case JSON_ARRAY:
		return "an array";
	case JSON_STRING:
		return "a string";
	case JSON_INTEGER:
	case JSON_REAL:
		return "a number";
	case JSON_TRUE:
	case JSON_FALSE:
		return "a boolean";
	case JSON_NULL:
		return "null";
	}
	return "something else";
}

int json_doc_parse(struct json_doc *doc, const char *name, const void *data, size_t len,
		   struct cause *cause)
{
	json_error_t err;

	*doc = (struct json_doc){.name = name, .cause = cause};
	doc->root = json_loadb(data, len, 0, &err);
	if (!doc->root)
		return cause_set(cause, -EINVAL, "%s: line %d column %d: %s", name, err.line,
				 err.column, err.text);
	if (!json_is_object(doc->root)) {
		cause_set(cause, -EINVAL, "%s: expected an object, found %s", name,
			  type_name(doc->root));
		json_doc_fini(doc);
		return -EINVAL;
	}
	return 0;
}

static int read_file(const char *path, char **ret, size_t *ret_len)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	struct stat st;
	size_t got = 0;
	char *buf;
	int r = 0;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) < 0)
		r = -errno;
	else if (S_ISDIR(st.st_mode))
		r = -EISDIR;
	/* The file may be a pipe: size is only a hint, MAX_DOCUMENT the bound. */
	buf = r ? NULL : malloc(MAX_DOCUMENT);
	if (!r && !buf)
		r = -ENOMEM;
	while (!r && got < MAX_DOCUMENT) {
		ssize_t n = read(fd, buf + got, MAX_DOCUMENT - got);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			r = -errno;
		if (n <= 0)
			break;
		got += (size_t)n;
	}
	if (!r && got == MAX_DOCUMENT)
		r = -EFBIG;
	close(fd);
	if (r) {
		free(buf);
		return r;
	}
	*ret = buf;
	*ret_len = got;
	return 0;
}

int json_doc_load(struct json_doc *doc, const char *name, const char *path, struct cause *cause)
{
	char *data = NULL;
	size_t len = 0;
	int r;

	*doc = (struct json_doc){.name = name, .cause = cause};
	r = read_file(path, &data, &len);
	if (r < 0)
		return cause_errno(cause, r, "%s", path);
	r = json_doc_parse(doc, name, data, len, cause);
	free(data);
	return r;
}

/* The JSON pointer of @at. */
static void print_pointer(const struct json_at *at, char *buf, size_t size)
{
	size_t len;

	if (!at->up) {
		buf[0] = 0;
		return;
	}
	print_pointer(at->up, buf, size);
	len = strlen(buf);
	if (!at->key) {
		snprintf(buf + len, size - len, "/%zu", at->index);
		return;
	}
	if (len + 1 < size)
		buf[len++] = '/';
	for (const char *p = at->key; *p && len + 3 < size; p++) {
		if (*p == '~' || *p == '/') {
			buf[len++] = '~';
			buf[len++] = *p == '~' ? '0' : '1';
		} else {
			buf[len++] = *p;
		}
	}
	buf[len] = 0;
}

static int fail_at(const struct json_at *at, const char *text)
{
	char pointer[256];

	print_pointer(at, pointer, sizeof(pointer));
	if (!pointer[0])
		return cause_set(at->doc->cause, -EINVAL, "%s: %s", at->doc->name, text);
	return cause_set(at->doc->cause, -EINVAL, "%s: %s: %s", at->doc->name, pointer, text);
}

int json_fail(const struct json_at *at, const char *fmt, ...)
{
	char text[600];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return fail_at(at, text);
}

int json_fail_key(const struct json_at *at, const char *key, const char *fmt, ...)
{
	struct json_at child = {at->doc, NULL, at, key, 0};
	char text[600];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return fail_at(&child, text);
}

static json_t *member(const struct json_at *at, const char *key)
{
	json_t *v = json_object_get(at->v, key);

	return json_is_null(v) ? NULL : v;
}

static int wrong_type(const struct json_at *at, const char *key, const char *want, const json_t *v)
{
	return json_fail_key(at, key, "expected %s, found %s", want, type_name(v));
}

static int check_string(const struct json_at *at, const char *text, unsigned rules)
{
	if ((rules & JSON_NOT_EMPTY) && !text[0])
		return json_fail(at, "must not be empty");
	if ((rules & JSON_ABSOLUTE) && text[0] && text[0] != '/')
		return json_fail(at, "\"%s\" is not an absolute path", text);
	return 0;
}

int json_get_string(const struct json_at *at, const char *key, unsigned rules, const char **ret)
{
	json_t *v = member(at, key);
	struct json_at child = {at->doc, v, at, key, 0};
	int r;

	if (!v)
		return rules & JSON_REQUIRED ? json_fail(&child, "is required") : 0;
	if (!json_is_string(v))
		return wrong_type(at, key, "a string", v);
	r = check_string(&child, json_string_value(v), rules);
	if (r < 0)
		return r;
	*ret = json_string_value(v);
	return 1;
}

int json_get_bool(const struct json_at *at, const char *key, bool *ret)
{
	json_t *v = member(at, key);

	if (!v)
		return 0;
	if (!json_is_boolean(v))
		return wrong_type(at, key, "a boolean", v);
	*ret = json_is_true(v);
	return 1;
}

int json_get_int(const struct json_at *at, const char *key, int64_t min, int64_t max, int64_t *ret)
{
	json_t *v = member(at, key);
	json_int_t n;

	if (!v)
		return 0;
	if (!json_is_integer(v)) {
		if (json_is_real(v))
			return json_fail_key(at, key, "expected an integer");
		return wrong_type(at, key, "a number", v);
	}
	n = json_integer_value(v);
	if (n < min || n > max)
		return json_fail_key(at, key, "%lld is out of range (%lld to %lld)", (long long)n,
				     (long long)min, (long long)max);
	*ret = n;
	return 1;
}

int json_get_u32(const struct json_at *at, const char *key, uint32_t *ret)
{
	int64_t v;
	int r = json_get_int(at, key, 0, UINT32_MAX, &v);

	if (r == 1)
		*ret = (uint32_t)v;
	return r;
}

int json_get_object(const struct json_at *at, const char *key, struct json_at *ret)
{
	json_t *v = member(at, key);

	if (!v)
		return 0;
	if (!json_is_object(v))
		return wrong_type(at, key, "an object", v);
	*ret = (struct json_at){at->doc, v, at, key, 0};
	return 1;
}

int json_get_array(const struct json_at *at, const char *key, struct json_at *ret)
{
	json_t *v = member(at, key);

	if (!v)
		return 0;
	if (!json_is_array(v))
		return wrong_type(at, key, "an array", v);
	*ret = (struct json_at){at->doc, v, at, key, 0};
	return 1;
}

int json_get_strings(const struct json_at *at, const char *key, unsigned rules,
		     const char *const **ret, size_t *ret_n)
{
	struct json_at array;
	const char **list;
	size_t n;
	int r = json_get_array(at, key, &array);

	if (r < 0)
		return r;
	if (r == 0)
		return rules & JSON_REQUIRED ? json_fail_key(at, key, "is required") : 0;
	n = json_array_size(array.v);
	list = json_alloc(at->doc, n + 1, sizeof(*list));
	if (!list)
		return json_fail(&array, "out of memory");
	for (size_t i = 0; i < n; i++) {
		struct json_at el = {at->doc, json_array_get(array.v, i), &array, NULL, i};

		if (!json_is_string(el.v))
			return json_fail(&el, "expected a string, found %s", type_name(el.v));
		list[i] = json_string_value(el.v);
		r = check_string(&el, list[i], rules);
		if (r < 0)
			return r;
	}
	*ret = list;
	if (ret_n)
		*ret_n = n;
	return 1;
}

int json_element(const struct json_at *array, size_t index, struct json_at *ret)
{
	*ret = (struct json_at){array->doc, json_array_get(array->v, index), array, NULL, index};
	if (!json_is_object(ret->v))
		return json_fail(ret, "expected an object, found %s", type_name(ret->v));
	return 0;
}

int json_write(int fd, const json_t *o, size_t flags)
{
	char *text = json_dumps(o, flags);
	size_t len = text ? strlen(text) : 0, done = 0;
	int r = text ? 0 : -ENOMEM;

	while (done < len && !r) {
		ssize_t n = write(fd, text + done, len - done);

		if (n < 0 && errno != EINTR)
			r = -errno;
		done += n > 0 ? (size_t)n : 0;
	}
	free(text);
	return r;
}
