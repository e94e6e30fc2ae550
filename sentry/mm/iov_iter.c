/* SPDX-License-Identifier: Apache-2.0 */
/* Cursors over guest iovecs or sentry buffers.
 */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "mm/mm_priv.h"

#define IOV_MOST 1024
#define RW_COUNT_MOST ((uint64_t)INT_MAX & PAGE_MASK)

void iov_iter_kernel(struct iov_iter *it, struct iovec *one, void *buf, size_t len)
{
	*one = (struct iovec){.iov_base = buf, .iov_len = len};
	*it = (struct iov_iter){.mm = NULL, .iov = one, .n = 1, .count = len};
}

void iov_iter_user(struct iov_iter *it, struct mm *mm, struct iovec *one, uint64_t addr, size_t len)
{
	if (len > RW_COUNT_MOST)
		len = RW_COUNT_MOST;
	*one = (struct iovec){.iov_base = (void *)(uintptr_t)addr, .iov_len = len};
	*it = (struct iov_iter){.mm = mm, .iov = one, .n = 1, .count = len};
}

int iov_iter_import(struct iov_iter *it, struct mm *mm, uint64_t uiov, size_t n, struct iovec **iov)
{
	struct iovec *v;
	uint64_t sum = 0;

	*iov = NULL;
	if (n > IOV_MOST)
		return -EINVAL;
	v = malloc(n ? n * sizeof(*v) : 1);
	if (!v)
		return -ENOMEM;
	if (mm_copy_in(mm, v, uiov, n * sizeof(*v)) < 0) {
		free(v);
		return -EFAULT;
	}
	for (size_t i = 0; i < n; i++) {
		uint64_t addr = (uint64_t)(uintptr_t)v[i].iov_base, len = v[i].iov_len;

		if (len > SSIZE_MAX) {
			free(v);
			return -EINVAL;
		}
		/* access_ok() of Linux: a range that wraps into the kernel's half. */
		if (len && (addr + len < addr || addr + len > (UINT64_C(1) << 47))) {
			free(v);
			return -EFAULT;
		}
		if (len > RW_COUNT_MOST - sum)
			v[i].iov_len = len = RW_COUNT_MOST - sum;
		sum += len;
	}
	*iov = v;
	*it = (struct iov_iter){.mm = mm, .iov = v, .n = n, .count = sum};
	return 0;
}

/* The stretch at the front; empty entries are skipped. */
static size_t front(struct iov_iter *it, uint8_t **base)
{
	while (it->n && it->iov_off == it->iov->iov_len) {
		it->iov++;
		it->n--;
		it->iov_off = 0;
	}
	if (!it->n || !it->count)
		return 0;
	*base = (uint8_t *)it->iov->iov_base + it->iov_off;

	size_t len = it->iov->iov_len - it->iov_off;

	return len < it->count ? len : it->count;
}

static void step(struct iov_iter *it, size_t n)
{
	it->iov_off += n;
	it->count -= n;
}

size_t iov_iter_copy_to(struct iov_iter *it, const void *src, size_t len)
{
	size_t done = 0;

	while (done < len) {
		uint8_t *at = NULL;
		size_t n = front(it, &at), did;

		n = n < len - done ? n : len - done;
		if (!n)
			break;
		if (it->mm) {
			did = mm_copy_out_some(it->mm, (uint64_t)(uintptr_t)at,
					       (const uint8_t *)src + done, n);
		} else {
			memcpy(at, (const uint8_t *)src + done, n);
			did = n;
		}
		step(it, did);
		done += did;
		if (did < n)
			break;
	}
	return done;
}

size_t iov_iter_copy_from(struct iov_iter *it, void *dst, size_t len)
{
	size_t done = 0;

	while (done < len) {
		uint8_t *at = NULL;
		size_t n = front(it, &at), did;

		n = n < len - done ? n : len - done;
		if (!n)
			break;
		if (it->mm) {
			did = mm_copy_in_some(it->mm, (uint8_t *)dst + done,
					      (uint64_t)(uintptr_t)at, n);
		} else {
			memcpy((uint8_t *)dst + done, at, n);
			did = n;
		}
		step(it, did);
		done += did;
		if (did < n)
			break;
	}
	return done;
}

size_t iov_iter_zero(struct iov_iter *it, size_t len)
{
	size_t done = 0;

	while (done < len) {
		uint8_t *at = NULL;
		size_t n = front(it, &at), did;

		n = n < len - done ? n : len - done;
		if (!n)
			break;
		if (it->mm) {
			did = mm_zero_out_some(it->mm, (uint64_t)(uintptr_t)at, n);
		} else {
			memset(at, 0, n);
			did = n;
		}
		step(it, did);
		done += did;
		if (did < n)
			break;
	}
	return done;
}

void iov_iter_advance(struct iov_iter *it, size_t len)
{
	while (len) {
		uint8_t *at;
		size_t n = front(it, &at);

		n = n < len ? n : len;
		if (!n)
			break;
		step(it, n);
		len -= n;
	}
}

void iov_iter_revert(struct iov_iter *it, const struct iov_iter *saved)
{
	*it = *saved;
}

ssize_t iov_iter_pin(struct iov_iter *it, bool write, struct mm_pin *pin)
{
	struct iov_iter ahead = *it;
	size_t done = 0;

	pin_init(pin, it->mm);
	while (pin->n < PIN_IOV) {
		uint8_t *at = NULL;
		size_t n = front(&ahead, &at), did;

		if (!n)
			break;
		if (it->mm) {
			did = pin_more(it->mm, (uint64_t)(uintptr_t)at, n, write, pin);
		} else {
			pin->iov[pin->n] = (struct iovec){.iov_base = at, .iov_len = n};
			pin->opaque[2 * pin->n++] = 0;
			did = n;
		}
		step(&ahead, did);
		done += did;
		if (did < n)
			break;
	}
	return done ? (ssize_t)done : it->count ? -EFAULT : 0;
}
