/* SPDX-License-Identifier: Apache-2.0 */
/* Captures read through libpcap, and what can be wrong with them. */
#include "capture.h"

#include <errno.h>
#include <pcap/pcap.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/bytes.h"

#define FRAME_LEN_MAX (256u << 10)
#define FRAMES_MAX (1u << 20)
/* No clock that is set shows an instant before this one. */
#define CLOCK_MIN NET_SEC(1000000)

int problem_set(struct problem *problem, int error, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(problem->text, sizeof(problem->text), fmt, args);
	va_end(args);
	return error;
}

void capture_fini(struct capture *capture)
{
	for (size_t i = 0; i < capture->n; i++)
		free(capture->frames[i].bytes);
	free(capture->frames);
	memset(capture, 0, sizeof(*capture));
}

int capture_add(struct capture *capture, net_time at, const uint8_t *bytes, size_t have, size_t len)
{
	struct frame *frame;

	if (capture->n == capture->cap) {
		size_t cap = capture->cap ? 2 * capture->cap : 64;
		struct frame *more = realloc(capture->frames, cap * sizeof(*more));

		if (!more)
			return -ENOMEM;
		capture->frames = more;
		capture->cap = cap;
	}
	frame = &capture->frames[capture->n];
	frame->bytes = malloc(have ? have : 1);
	if (!frame->bytes)
		return -ENOMEM;
	if (have)
		memcpy(frame->bytes, bytes, have);
	frame->at = at;
	frame->number = capture->n + 1;
	frame->have = (uint32_t)have;
	frame->len = (uint32_t)len;
	frame->sent = false;
	frame->note = NULL;
	capture->n++;
	return 0;
}

/* How many bytes of link-layer header stand before the IP packet; -1: not IP. */
static int ip_offset(int link, const uint8_t *bytes, size_t have)
{
	uint32_t family;

	switch (link) {
	case DLT_LINUX_SLL: /* https://www.tcpdump.org/linktypes/LINKTYPE_LINUX_SLL.html */
		if (have < 16)
			return -1;
		return load_be16(bytes + 14) == 0x0800 || load_be16(bytes + 14) == 0x86dd ? 16 : -1;
	case DLT_LINUX_SLL2:
		if (have < 20)
			return -1;
		return load_be16(bytes) == 0x0800 || load_be16(bytes) == 0x86dd ? 20 : -1;
	case DLT_NULL: /* in the byte order of who captured; AF_INET is 2 everywhere */
	case DLT_LOOP:
		if (have < 4)
			return -1;
		family = load_be32(bytes);
		if (family > 0xffff)
			family = load_le32(bytes);
		return family == 2 || family == 10 || family == 24 || family == 28 || family == 30
			       ? 4
			       : -1;
	default:
		return 0;
	}
}

/* Whether we know this link type. */
static bool link_kind(int link, enum frame_kind *ret)
{
	switch (link) {
	case DLT_EN10MB:
		*ret = FRAME_ETHER;
		return true;
	case DLT_RAW:
	case DLT_IPV4:
	case DLT_IPV6:
	case DLT_LINUX_SLL:
	case DLT_LINUX_SLL2:
	case DLT_NULL:
	case DLT_LOOP:
		*ret = FRAME_IP;
		return true;
	default:
		return false;
	}
}

static int read_frames(struct capture *ret, pcap_t *pcap, const char *name, struct problem *problem)
{
	int link = pcap_datalink(pcap);
	struct pcap_pkthdr *hdr;
	const uint8_t *bytes;
	net_time first = 0;
	size_t number = 0;
	int r;

	while ((r = pcap_next_ex(pcap, &hdr, &bytes)) == 1) {
		/* Opened with nanoseconds: tv_usec holds them. */
		net_time at = NET_SEC((int64_t)(uint32_t)hdr->ts.tv_sec) + hdr->ts.tv_usec;
		int skip = ip_offset(link, bytes, hdr->caplen);

		/* Crafted captures count from zero themselves. */
		if (!number++)
			first = at < CLOCK_MIN ? 0 : at;
		if (hdr->caplen > hdr->len || hdr->len > FRAME_LEN_MAX)
			return problem_set(problem, -EINVAL,
					   "%s: packet %zu: %u bytes kept of %u: lengths lie", name,
					   number, hdr->caplen, hdr->len);
		if (skip < 0) {
			ret->ignored++;
			continue;
		}
		if (ret->n == FRAMES_MAX)
			return problem_set(problem, -EINVAL, "%s: more than %u packets", name,
					   FRAMES_MAX);
		r = capture_add(ret, at - first, bytes + skip, hdr->caplen - (unsigned)skip,
				hdr->len - (unsigned)skip);
		if (r < 0)
			return problem_set(problem, r, "%s: %s", name, strerror(-r));
	}
	if (r == PCAP_ERROR)
		return problem_set(problem, -EINVAL, "%s: after packet %zu: %s", name, number,
				   pcap_geterr(pcap));
	if (!number)
		return problem_set(problem, -EINVAL, "%s: holds no packet", name);
	return 0;
}

/* Packets of a capture may be out of order by a little (several CPUs): the replay needs order. */
static int by_time(const void *a, const void *b)
{
	const struct frame *x = a, *y = b;

	if (x->at != y->at)
		return x->at < y->at ? -1 : 1;
	return x->number < y->number ? -1 : x->number > y->number;
}

static void sort_frames(struct capture *capture)
{
	bool sorted = true;
	net_time first;

	for (size_t i = 1; i < capture->n; i++)
		sorted &= capture->frames[i - 1].at <= capture->frames[i].at;
	if (!sorted)
		qsort(capture->frames, capture->n, sizeof(*capture->frames), by_time);
	/* The first that was written need not be the earliest. */
	first = capture->n ? MIN(capture->frames[0].at, 0) : 0;
	for (size_t i = 0; i < capture->n; i++)
		capture->frames[i].at -= first;
}

static int capture_from(struct capture *ret, FILE *file, const char *name, struct problem *problem)
{
	char error[PCAP_ERRBUF_SIZE] = "";
	struct capture capture = {0};
	pcap_t *pcap;
	int r;

	pcap = pcap_fopen_offline_with_tstamp_precision(file, PCAP_TSTAMP_PRECISION_NANO, error);
	if (!pcap) {
		fclose(file);
		return problem_set(problem, -EINVAL, "%s: not a capture: %s", name, error);
	}
	if (!link_kind(pcap_datalink(pcap), &capture.kind)) {
		const char *link = pcap_datalink_val_to_name(pcap_datalink(pcap));

		r = problem_set(problem, -EPROTONOSUPPORT,
				"%s: link type %d (%s): only EN10MB, RAW, LINUX_SLL, LINUX_SLL2, "
				"NULL and LOOP can be replayed",
				name, pcap_datalink(pcap), link ? link : "unknown");
	} else {
		r = read_frames(&capture, pcap, name, problem);
	}
	pcap_close(pcap);
	if (r < 0) {
		capture_fini(&capture);
		return r;
	}
	sort_frames(&capture);
	*ret = capture;
	return 0;
}

int capture_read(struct capture *ret, const char *path, struct problem *problem)
{
	FILE *file = fopen(path, "rbe");

	if (!file)
		return problem_set(problem, -errno, "%s: %s", path, strerror(errno));
	return capture_from(ret, file, path, problem);
}

int capture_parse(struct capture *ret, const void *bytes, size_t len, const char *name,
		  struct problem *problem)
{
	FILE *file = len ? fmemopen((void *)bytes, len, "rb") : NULL;

	if (!file)
		return problem_set(problem, -EINVAL, "%s: empty", name);
	return capture_from(ret, file, name, problem);
}
