/* SPDX-License-Identifier: Apache-2.0 */
/* The conversation as a capture file: a target around a target. */
#include "nsdrill/pcap.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define PCAP_MAGIC_US 0xa1b2c3d4u
#define LINKTYPE_RAW 101

struct tap {
	struct target base;
	struct target *inner;
	FILE *to;
};

static struct tap *tap_of(struct target *t)
{
	return (struct tap *)t;
}

static void record(struct tap *tap, int64_t us, const uint8_t *data, size_t len)
{
	uint32_t hdr[4] = {(uint32_t)(us / 1000000), (uint32_t)(us % 1000000), (uint32_t)len,
			   (uint32_t)len};

	fwrite(hdr, sizeof(hdr), 1, tap->to);
	fwrite(data, len, 1, tap->to);
}

static void tap_free(struct target *t)
{
	struct tap *tap = tap_of(t);

	fclose(tap->to);
	tap->inner->ops->free(tap->inner);
	free(tap);
}

static int64_t tap_now(struct target *t)
{
	return tap_of(t)->inner->ops->now(tap_of(t)->inner);
}

static void tap_run_until(struct target *t, int64_t us)
{
	tap_of(t)->inner->ops->run_until(tap_of(t)->inner, us);
}

static int tap_inject(struct target *t, const uint8_t *data, size_t len)
{
	record(tap_of(t), tap_now(t), data, len);
	return tap_of(t)->inner->ops->inject(tap_of(t)->inner, data, len);
}

static struct frame *tap_take(struct target *t, int64_t until_us)
{
	struct frame *f = tap_of(t)->inner->ops->take(tap_of(t)->inner, until_us);

	if (f)
		record(tap_of(t), f->us, f->data, f->len);
	return f;
}

static void tap_call(struct target *t, struct request *req)
{
	tap_of(t)->inner->ops->call(tap_of(t)->inner, req);
}

static void tap_await(struct target *t, struct request *req, int64_t until_us)
{
	tap_of(t)->inner->ops->await(tap_of(t)->inner, req, until_us);
}

static void tap_cancel(struct target *t, struct request *req)
{
	tap_of(t)->inner->ops->cancel(tap_of(t)->inner, req);
}

static int tap_sysctl(struct target *t, const char *name, const char *value)
{
	return tap_of(t)->inner->ops->sysctl(tap_of(t)->inner, name, value);
}

static int tap_command(struct target *t, const char *line, struct diag *diag)
{
	return tap_of(t)->inner->ops->command(tap_of(t)->inner, line, diag);
}

static void tap_trace(struct target *t, int fd, FILE *to)
{
	tap_of(t)->inner->ops->trace(tap_of(t)->inner, fd, to);
}

static const struct target_ops tap_ops = {
	"capture", false,     tap_free,	  tap_now,    tap_run_until, tap_inject, tap_take,
	tap_call,  tap_await, tap_cancel, tap_sysctl, tap_command,   tap_trace,
};

struct target *target_pcap(struct target *inner, const char *path)
{
	struct tap *tap = calloc(1, sizeof(*tap));
	FILE *to = tap ? fopen(path, "we") : NULL;
	uint32_t hdr[6] = {PCAP_MAGIC_US, 2 | 4 << 16, 0, 0, 65535, LINKTYPE_RAW};

	if (!to) {
		fprintf(stderr, "nsdrill: %s: %s\n", path, strerror(errno));
		free(tap);
		return inner;
	}
	tap->base.ops = &tap_ops;
	tap->inner = inner;
	tap->to = to;
	fwrite(hdr, sizeof(hdr), 1, to);
	return &tap->base;
}
