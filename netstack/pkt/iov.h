/* SPDX-License-Identifier: Apache-2.0 */
/* A position in an array of iovecs: gathers user data in, scatters it out, each byte touched once.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/uio.h>

struct iov {
	const struct iovec *v;
	size_t n;
	size_t off; /* in v[0] */
};

static inline struct iov iov_start(const struct iovec *v, size_t n)
{
	return (struct iov){v, n, 0};
}

/* Sum of the lengths, saturating at SSIZE_MAX. */
static inline size_t iov_total(const struct iovec *v, size_t n)
{
	size_t sum = 0;

	for (size_t i = 0; i < n; i++) {
		if (v[i].iov_len > (size_t)INT64_MAX - sum)
			return (size_t)INT64_MAX;
		sum += v[i].iov_len;
	}
	return sum;
}

/* Copies up to @len bytes from the iovecs to @to and moves on. Returns how many. */
static inline size_t iov_gather(struct iov *it, void *to, size_t len)
{
	size_t done = 0;

	while (done < len && it->n) {
		size_t n = it->v->iov_len - it->off;

		if (n > len - done)
			n = len - done;
		if (n)
			memcpy((uint8_t *)to + done, (const uint8_t *)it->v->iov_base + it->off, n);
		done += n;
		it->off += n;
		if (it->off == it->v->iov_len) {
			it->v++;
			it->n--;
			it->off = 0;
		}
	}
	return done;
}

/* Copies up to @len bytes from @from to the iovecs and moves on. Returns how many. */
static inline size_t iov_scatter(struct iov *it, const void *from, size_t len)
{
	size_t done = 0;

	while (done < len && it->n) {
		size_t n = it->v->iov_len - it->off;

		if (n > len - done)
			n = len - done;
		if (n)
			memcpy((uint8_t *)it->v->iov_base + it->off, (const uint8_t *)from + done,
			       n);
		done += n;
		it->off += n;
		if (it->off == it->v->iov_len) {
			it->v++;
			it->n--;
			it->off = 0;
		}
	}
	return done;
}

struct pkt;
/* Copies bytes of the view from @off on into the iovecs, at most @len. Returns how many. */
size_t pkt_to_iov(const struct pkt *pkt, size_t off, size_t len, struct iov *it);
