/* SPDX-License-Identifier: Apache-2.0 */
/* Captures: a copy of every frame of a link, written as pcapng (draft-ietf-opsawg-pcapng).
 *
 * A link owns one struct tee_hub. Captures are attached to it and detached at any moment, from any
 * thread; with none attached a frame costs one relaxed load. A capture never blocks the link: what
 * the reader does not take in time is dropped and counted (interface statistics block).
 */
#pragma once

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "tap/bpf.h"
#include "tap/tap.h"

#define TEE_MAX_LINKS 16
#define TEE_MAX_COMMENT 1024
#define TEE_DEFAULT_SNAPLEN 262144

enum tee_direction { TEE_UNKNOWN = 0, TEE_IN = 1, TEE_OUT = 2 };

/* What is known about a frame besides its bytes. */
struct tee_info {
	uint64_t time_ns; /* CLOCK_REALTIME */
	uint32_t link;	  /* index into tee_config.links */
	enum tee_direction direction;
	const struct tap_meta *meta; /* or NULL */
	const char *comment;	     /* why dropped, connection state; or NULL */
};

struct tee_link {
	const char *name;
	uint32_t mtu;
	uint8_t mac[6];
};

struct tee_config {
	int fd;			      /* taken; O_NONBLOCK unless a regular file */
	uint32_t snaplen;	      /* 0: whole frames */
	uint32_t only_link;	      /* UINT32_MAX: all */
	const struct tee_link *links; /* copied */
	size_t n_links;
	const struct bpf_insn *filter; /* copied after validation; NULL: everything */
	size_t n_filter;
	size_t buffer; /* bytes kept for a slow reader, 0: 4 MiB */
};

struct tee;

/* Validates and starts a capture: the section header and one interface block per link are queued.
 * Errors: -EINVAL for a filter or a link list that is not valid. */
int tee_new(struct tee **ret, const struct tee_config *cfg);
/* Writes what the reader will still take, then the statistics, and closes the fd. */
void tee_free(struct tee *tee);

/* Queues one frame if the filter takes it. Never blocks. Thread-safe. */
void tee_frame(struct tee *tee, const struct tee_info *info, const struct iovec *iov,
	       unsigned n_iov);
/* Hands queued bytes to the reader. Returns 0, -EAGAIN when some are left, or the write's errno:
 * the reader is gone and the capture should be detached. Thread-safe; SIGPIPE must be ignored. */
int tee_flush(struct tee *tee);
int tee_fd(const struct tee *tee);

struct tee_counters {
	uint64_t seen, captured, dropped;
};
void tee_counters(struct tee *tee, struct tee_counters *ret);

/* The captures of one link (or of one network namespace). Zero-initialised is empty. */
#define TEE_HUB_MAX 16
struct tee_hub {
	atomic_uint n_active; /* the fast check */
	pthread_mutex_t mu;   /* over slots; held for pointer moves and frame copies */
	struct tee *slots[TEE_HUB_MAX];
};

#define TEE_HUB_INIT                                                                               \
	{                                                                                          \
		.mu = PTHREAD_MUTEX_INITIALIZER                                                    \
	}

int tee_hub_attach(struct tee_hub *hub, struct tee *tee); /* takes; -EMFILE when full */
/* Gives the capture back for tee_free(), or NULL when it is not attached (any more). */
struct tee *tee_hub_detach(struct tee_hub *hub, struct tee *tee);
void tee_hub_frame_slow(struct tee_hub *hub, const struct tee_info *info, const struct iovec *iov,
			unsigned n_iov);
/* Flushes all. A capture whose reader is gone is detached and freed. */
void tee_hub_flush(struct tee_hub *hub);
/* Detaches and frees all. */
void tee_hub_fini(struct tee_hub *hub);

static inline bool tee_hub_active(const struct tee_hub *hub)
{
	return atomic_load_explicit(&hub->n_active, memory_order_relaxed) != 0;
}

static inline void tee_hub_frame(struct tee_hub *hub, const struct tee_info *info,
				 const struct iovec *iov, unsigned n_iov)
{
	if (__builtin_expect(tee_hub_active(hub), 0))
		tee_hub_frame_slow(hub, info, iov, n_iov);
}
