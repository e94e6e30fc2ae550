/* SPDX-License-Identifier: Apache-2.0 */
/* The pcapng writer (draft-ietf-opsawg-pcapng): section header, one interface description per link,
 * enhanced packets with direction, checksum state and comment, interface statistics at the end.
 *
 * Super-frames are written whole, as they passed. Blocks go into a bounded ring; a block that does
 * not fit is counted as dropped and never written in part, so the stream stays well-formed.
 */
#include "tap/tee.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "util/bytes.h"
#include "util/cleanup.h"
#include "util/ring.h"

enum {
	BLOCK_SECTION = 0x0A0D0D0A,
	BLOCK_INTERFACE = 1,
	BLOCK_STATISTICS = 5,
	BLOCK_PACKET = 6,
	OPT_END = 0,
	OPT_COMMENT = 1,
	SHB_USERAPPL = 4,
	IDB_NAME = 2,
	IDB_MACADDR = 6,
	IDB_TSRESOL = 9,
	EPB_FLAGS = 2,
	ISB_IFRECV = 4,
	ISB_IFDROP = 5,
	LINKTYPE_ETHERNET = 1,
	TSRESOL_NS = 9,
};

/* epb_flags: bits 0-1 direction, 9 checksum not ready, 10 checksum valid, 11 segmentation pending
 */
enum { EPB_CSUM_PARTIAL = 1 << 9, EPB_CSUM_VALID = 1 << 10, EPB_SEGMENTED = 1 << 11 };

#define DEFAULT_BUFFER (4u << 20)
#define FLUSH_AT (64u << 10)
#define MAX_HEAD 64
#define MAX_TAIL (TEE_MAX_COMMENT + 32)

struct tee {
	pthread_mutex_t mu;
	int fd;
	uint32_t snaplen, only_link;
	size_t n_links;
	struct bpf_insn *filter;
	size_t n_filter;
	struct ring ring;
	struct tee_counters counters;
	uint64_t per_link_seen[TEE_MAX_LINKS], per_link_dropped[TEE_MAX_LINKS];
	uint64_t last_ns;
	int error; /* of the last write that failed for good */
};

static void wr_pad4(struct wr *w, size_t len)
{
	wr_zero(w, (4 - (len & 3)) & 3);
}

static void wr_opt(struct wr *w, uint16_t code, const void *value, size_t len)
{
	wr_le16(w, code);
	wr_le16(w, (uint16_t)len);
	wr_bytes(w, value, len);
	wr_pad4(w, len);
}

/* A whole small block: patches both length fields. */
static void block_finish(struct wr *w, size_t at)
{
	uint32_t total;

	wr_le32(w, OPT_END);
	total = (uint32_t)(wr_len(w) - at) + 4;
	wr_le32(w, total);
	if (!wr_failed(w))
		memcpy(w->start + at + 4, &total, sizeof(total));
}

static void write_section(struct wr *w)
{
	static const char app[] = "netsentry";
	size_t at = wr_len(w);

	wr_le32(w, BLOCK_SECTION);
	wr_le32(w, 0);
	wr_le32(w, 0x1A2B3C4D);
	wr_le16(w, 1);
	wr_le16(w, 0);
	wr_le64(w, UINT64_MAX);
	wr_opt(w, SHB_USERAPPL, app, sizeof(app) - 1);
	block_finish(w, at);
}

static void write_interface(struct wr *w, const struct tee_link *link, uint32_t snaplen)
{
	static const uint8_t tsresol = TSRESOL_NS;
	size_t at = wr_len(w);
	size_t name_len = strnlen(link->name, 64);

	wr_le32(w, BLOCK_INTERFACE);
	wr_le32(w, 0);
	wr_le16(w, LINKTYPE_ETHERNET);
	wr_le16(w, 0);
	wr_le32(w, snaplen);
	wr_opt(w, IDB_NAME, link->name, name_len);
	wr_opt(w, IDB_MACADDR, link->mac, sizeof(link->mac));
	wr_opt(w, IDB_TSRESOL, &tsresol, 1);
	block_finish(w, at);
}

static void write_statistics(struct wr *w, const struct tee *tee, uint32_t link)
{
	size_t at = wr_len(w);

	wr_le32(w, BLOCK_STATISTICS);
	wr_le32(w, 0);
	wr_le32(w, link);
	wr_le32(w, (uint32_t)(tee->last_ns >> 32));
	wr_le32(w, (uint32_t)tee->last_ns);
	wr_opt(w, ISB_IFRECV, &tee->per_link_seen[link], 8);
	wr_opt(w, ISB_IFDROP, &tee->per_link_dropped[link], 8);
	block_finish(w, at);
}

static size_t round_pow2(size_t n)
{
	size_t p = 64u << 10;

	while (p < n && p < (size_t)1 << 30)
		p <<= 1;
	return p;
}

static int copy_filter(struct tee *tee, const struct tee_config *cfg)
{
	if (!cfg->filter || !cfg->n_filter)
		return 0;

	int r = bpf_validate(cfg->filter, cfg->n_filter, NULL);

	if (r < 0)
		return r;
	tee->filter = malloc(cfg->n_filter * sizeof(*tee->filter));
	if (!tee->filter)
		return -ENOMEM;
	memcpy(tee->filter, cfg->filter, cfg->n_filter * sizeof(*tee->filter));
	tee->n_filter = cfg->n_filter;
	return 0;
}

static void tee_release(struct tee *tee)
{
	pthread_mutex_destroy(&tee->mu);
	free(tee->ring.data);
	free(tee->filter);
	free(tee);
}

DEFINE_CLEANUP(struct tee *, tee_release)

int tee_new(struct tee **ret, const struct tee_config *cfg)
{
	CLEANUP(tee_releasep) struct tee *tee = NULL;
	size_t size = round_pow2(cfg->buffer ? cfg->buffer : DEFAULT_BUFFER);
	uint8_t head[4096];
	struct wr w;
	int r;

	if (!cfg->n_links || cfg->n_links > TEE_MAX_LINKS)
		return -EINVAL;
	tee = calloc(1, sizeof(*tee));
	if (!tee)
		return -ENOMEM;
	pthread_mutex_init(&tee->mu, NULL);
	tee->fd = cfg->fd;
	tee->snaplen = cfg->snaplen && cfg->snaplen < TEE_DEFAULT_SNAPLEN ? cfg->snaplen
									  : TEE_DEFAULT_SNAPLEN;
	tee->only_link = cfg->only_link;
	tee->n_links = cfg->n_links;
	r = copy_filter(tee, cfg);
	if (r < 0)
		return r;

	void *data = malloc(size);

	if (!data)
		return -ENOMEM;
	ring_init(&tee->ring, data, size);
	wr_init(&w, head, sizeof(head));
	write_section(&w);
	for (size_t i = 0; i < cfg->n_links; i++)
		write_interface(&w, &cfg->links[i], tee->snaplen);
	if (wr_failed(&w))
		return -EINVAL;
	ring_write(&tee->ring, head, wr_len(&w));
	*ret = TAKE(tee);
	return 0;
}

static int flush_locked(struct tee *tee)
{
	if (tee->error)
		return tee->error;
	while (ring_used(&tee->ring)) {
		size_t len = SSIZE_MAX;
		const uint8_t *from = ring_read_span(&tee->ring, 0, &len);
		ssize_t n = write(tee->fd, from, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return -EAGAIN;
		if (n < 0) {
			tee->error = -errno;
			return tee->error;
		}
		ring_consume(&tee->ring, (size_t)n);
	}
	return 0;
}

void tee_free(struct tee *tee)
{
	uint8_t block[128];
	struct wr w;

	if (!tee)
		return;
	(void)flush_locked(tee);
	for (uint32_t i = 0; i < tee->n_links; i++) {
		wr_init(&w, block, sizeof(block));
		write_statistics(&w, tee, i);
		if (ring_free(&tee->ring) >= wr_len(&w))
			ring_write(&tee->ring, block, wr_len(&w));
	}
	(void)flush_locked(tee);
	close(tee->fd);
	tee_release(tee);
}

static uint32_t packet_flags(const struct tee_info *info)
{
	uint32_t flags = (uint32_t)info->direction;

	if (!info->meta)
		return flags;
	if (info->meta->flags & TAP_META_NEEDS_CSUM)
		flags |= EPB_CSUM_PARTIAL;
	if (info->meta->flags & TAP_META_CSUM_VALID)
		flags |= EPB_CSUM_VALID;
	if (info->meta->gso != TAP_GSO_NONE)
		flags |= EPB_SEGMENTED;
	return flags;
}

static void write_payload(struct ring *ring, const struct iovec *iov, unsigned n_iov, uint32_t len)
{
	static const uint8_t zeros[4];
	uint32_t left = len;

	for (unsigned i = 0; i < n_iov && left; i++) {
		size_t n = iov[i].iov_len < left ? iov[i].iov_len : left;

		ring_write(ring, iov[i].iov_base, n);
		left -= (uint32_t)n;
	}
	ring_write(ring, zeros, (4 - (len & 3)) & 3);
}

static void put_packet_locked(struct tee *tee, const struct tee_info *info, const struct iovec *iov,
			      unsigned n_iov, uint32_t orig_len, uint32_t cap_len)
{
	size_t comment_len = info->comment ? strnlen(info->comment, TEE_MAX_COMMENT) : 0;
	uint32_t flags = packet_flags(info);
	uint8_t head[MAX_HEAD], tail[MAX_TAIL];
	uint32_t padded = (cap_len + 3) & ~3u;
	struct wr h, t;

	wr_init(&t, tail, sizeof(tail));
	wr_opt(&t, EPB_FLAGS, &flags, sizeof(flags));
	if (comment_len)
		wr_opt(&t, OPT_COMMENT, info->comment, comment_len);
	wr_le32(&t, OPT_END);

	uint32_t total = 28 + padded + (uint32_t)wr_len(&t) + 4;

	wr_le32(&t, total);
	wr_init(&h, head, sizeof(head));
	wr_le32(&h, BLOCK_PACKET);
	wr_le32(&h, total);
	wr_le32(&h, info->link);
	wr_le32(&h, (uint32_t)(info->time_ns >> 32));
	wr_le32(&h, (uint32_t)info->time_ns);
	wr_le32(&h, cap_len);
	wr_le32(&h, orig_len);

	if (ring_free(&tee->ring) < total && !tee->error)
		(void)flush_locked(tee);
	if (ring_free(&tee->ring) < total || tee->error) {
		tee->counters.dropped++;
		tee->per_link_dropped[info->link]++;
		return;
	}
	ring_write(&tee->ring, head, wr_len(&h));
	write_payload(&tee->ring, iov, n_iov, cap_len);
	ring_write(&tee->ring, tail, wr_len(&t));
	tee->counters.captured++;
}

void tee_frame(struct tee *tee, const struct tee_info *info, const struct iovec *iov,
	       unsigned n_iov)
{
	size_t sum = 0;
	uint32_t keep;

	if (info->link >= tee->n_links ||
	    (tee->only_link != UINT32_MAX && tee->only_link != info->link))
		return;
	for (unsigned i = 0; i < n_iov; i++)
		sum += iov[i].iov_len;

	uint32_t orig_len = sum > INT32_MAX ? INT32_MAX : (uint32_t)sum;

	/* The filter is immutable: it runs outside the lock. */
	keep = tee->filter ? bpf_run(tee->filter, tee->n_filter, iov, n_iov, orig_len) : UINT32_MAX;
	keep = MIN(keep, orig_len);
	keep = MIN(keep, tee->snaplen);
	pthread_mutex_lock(&tee->mu);
	tee->counters.seen++;
	tee->per_link_seen[info->link]++;
	tee->last_ns = info->time_ns;
	if (keep) {
		put_packet_locked(tee, info, iov, n_iov, orig_len, keep);
		if (ring_used(&tee->ring) >= FLUSH_AT)
			(void)flush_locked(tee);
	}
	pthread_mutex_unlock(&tee->mu);
}

int tee_flush(struct tee *tee)
{
	pthread_mutex_lock(&tee->mu);

	int r = flush_locked(tee);

	pthread_mutex_unlock(&tee->mu);
	return r;
}

int tee_fd(const struct tee *tee)
{
	return tee->fd;
}

void tee_counters(struct tee *tee, struct tee_counters *ret)
{
	pthread_mutex_lock(&tee->mu);
	*ret = tee->counters;
	pthread_mutex_unlock(&tee->mu);
}

int tee_hub_attach(struct tee_hub *hub, struct tee *tee)
{
	int r = -EMFILE;

	pthread_mutex_lock(&hub->mu);
	for (unsigned i = 0; i < TEE_HUB_MAX && r < 0; i++) {
		if (hub->slots[i])
			continue;
		hub->slots[i] = tee;
		atomic_fetch_add(&hub->n_active, 1);
		r = 0;
	}
	pthread_mutex_unlock(&hub->mu);
	return r;
}

static struct tee *detach_locked(struct tee_hub *hub, struct tee *tee)
{
	for (unsigned i = 0; i < TEE_HUB_MAX; i++) {
		if (!tee || hub->slots[i] != tee)
			continue;
		hub->slots[i] = NULL;
		atomic_fetch_sub(&hub->n_active, 1);
		return tee;
	}
	return NULL;
}

struct tee *tee_hub_detach(struct tee_hub *hub, struct tee *tee)
{
	pthread_mutex_lock(&hub->mu);

	struct tee *found = detach_locked(hub, tee);

	pthread_mutex_unlock(&hub->mu);
	return found;
}

void tee_hub_frame_slow(struct tee_hub *hub, const struct tee_info *info, const struct iovec *iov,
			unsigned n_iov)
{
	pthread_mutex_lock(&hub->mu);
	for (unsigned i = 0; i < TEE_HUB_MAX; i++) {
		if (hub->slots[i])
			tee_frame(hub->slots[i], info, iov, n_iov);
	}
	pthread_mutex_unlock(&hub->mu);
}

void tee_hub_flush(struct tee_hub *hub)
{
	pthread_mutex_lock(&hub->mu);
	for (unsigned i = 0; i < TEE_HUB_MAX; i++) {
		struct tee *tee = hub->slots[i];
		int r = tee ? tee_flush(tee) : 0;

		if (r < 0 && r != -EAGAIN)
			tee_free(detach_locked(hub, tee));
	}
	pthread_mutex_unlock(&hub->mu);
}

void tee_hub_fini(struct tee_hub *hub)
{
	pthread_mutex_lock(&hub->mu);
	for (unsigned i = 0; i < TEE_HUB_MAX; i++) {
		if (hub->slots[i])
			tee_free(detach_locked(hub, hub->slots[i]));
	}
	pthread_mutex_unlock(&hub->mu);
}
